import type { Template } from "#base/protocol/task.ts";
import type { Happening } from "../task/task-event.ts";

const TYPE = "Template";
/** Names of what is missing in one event. */
const MAX_SHOWN = 3;

export function rerendered({ ChangeMode }: Template): string {
  return `Template with change_mode ${ChangeMode} re-rendered`;
}

export function missing(keys: readonly string[]): Happening {
  const more = keys.length > MAX_SHOWN ? `, and ${keys.length - MAX_SHOWN} more` : "";
  return event(`Missing: ${keys.slice(0, MAX_SHOWN).join(", ")}${more}`);
}

export function failed(destination: string, message: string): Happening {
  return event(`Template failed: ${destination}: ${message}`);
}

export function ranScript(command: string, args: readonly string[], exitCode: number): Happening {
  const words = `[${args.join(" ")}]`;
  return event(`Template ran script ${command} with arguments ${words} after change. Exit code: ${exitCode}`);
}

export function scriptFailed(command: string, message: string): Happening {
  return event(`Template failed to run script ${command}: ${message}`);
}

export function event(message: string): Happening {
  return { Type: TYPE, DisplayMessage: message, Message: message };
}
