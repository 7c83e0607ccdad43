import { readFileSync } from "node:fs";
import { CodedError, messageOf, type Result } from "#base/env/errors.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import type { Machine } from "#daemons/router/apply/machine.ts";
import { DEFAULT_STATE, stateFolder } from "#daemons/router/apply/state-folder.ts";
import type { RouterConfig } from "#daemons/router/config/model.ts";
import { readRouterConfig } from "#daemons/router/config/read-config.ts";
import { UsageError, type Invocation, type RunCommand } from "../command/command.ts";

export interface RouterInvocation extends Invocation {
  readonly env: SystemEnv;
  readonly machine: Machine;
}

/** A command that works on this machine's router. */
export function withMachine(run: (invocation: RouterInvocation) => Promise<number>): RunCommand {
  return async (invocation) => {
    const env = createEnv();
    try {
      const dir = invocation.flags.value("state") ?? DEFAULT_STATE;
      if (!dir.startsWith("/")) throw new UsageError(`-state ${JSON.stringify(dir)}: give an absolute path`);
      return await run({ ...invocation, env, machine: { env, state: stateFolder(env.disk, dir) } });
    } finally {
      env.close();
    }
  };
}

/** The configuration of a file (`-`: standard input), or why there is none. */
export function readConfigFile(path: string): { readonly text: string; readonly config: RouterConfig } {
  let text: string;
  try {
    text = readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (thrown) {
    throw new CodedError(
      "router_file",
      `cannot read ${JSON.stringify(path)}: ${messageOf(thrown)}`,
      "name the router's configuration",
    );
  }
  return readConfigText(path, text);
}

export function readConfigText(name: string, text: string): { readonly text: string; readonly config: RouterConfig } {
  const read = readRouterConfig({ name, text });
  if (!read.ok) throw new CodedError("router_config", renderDiagnostics(read.diagnostics));
  return { text, config: read.config };
}

export function oneOperand({ operands }: Invocation, what: string): string {
  const [only, ...more] = operands;
  if (only === undefined || more.length > 0) throw new UsageError(`name one ${what}`);
  return only;
}

export function valueOrThrow<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new CodedError(result.error.code, result.error.message, result.error.hint);
}
