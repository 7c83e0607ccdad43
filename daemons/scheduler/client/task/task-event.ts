import type { TaskEvent } from "#base/protocol/alloc.ts";
import { formatDuration } from "#base/language/duration.ts";
import type { StartFailure, TaskExit } from "#drivers/driver.ts";

/** What happened to a task, before it has a time. Types and texts are those users of the Nomad API know. */
export type Happening = Pick<TaskEvent, "Type" | "DisplayMessage"> &
  Partial<Pick<TaskEvent, "Details" | "Message" | "ExitCode" | "Signal" | "FailsTask">>;

export const MAX_EVENTS = 10;
const NO_DETAILS: Readonly<TaskEvent["Details"]> = {};

export function withEvent(events: readonly TaskEvent[], happening: Happening, timeNs: number): TaskEvent[] {
  const event = {
    Details: NO_DETAILS,
    Message: "",
    ExitCode: 0,
    Signal: 0,
    FailsTask: false,
    Time: timeNs,
    ...happening,
  };
  return [...events.slice(Math.max(0, events.length + 1 - MAX_EVENTS)), event];
}

export const received: Happening = { Type: "Received", DisplayMessage: "Task received by client" };
export const buildingDirectory: Happening = {
  Type: "Task Setup",
  DisplayMessage: "Building Task Directory",
  Message: "Building Task Directory",
};
export const downloadingArtifacts: Happening = {
  Type: "Downloading Artifacts",
  DisplayMessage: "Client is downloading artifacts",
};
export const started: Happening = { Type: "Started", DisplayMessage: "Task started by client" };
export const killed: Happening = { Type: "Killed", DisplayMessage: "Task successfully killed" };
export const leaderDead: Happening = { Type: "Leader Task Dead", DisplayMessage: "Leader Task in Group dead" };
export const mainsDead: Happening = { Type: "Main Tasks Dead", DisplayMessage: "Main tasks in the group died" };

export function driverMessage(message: string, details: Readonly<Record<string, string>>): Happening {
  return { Type: "Driver", DisplayMessage: message, Details: { ...details, driver_message: message } };
}

export function siblingFailed(name: string): Happening {
  return {
    Type: "Sibling Task Failed",
    DisplayMessage: `Task's sibling "${name}" failed`,
    Details: { failed_sibling: name },
  };
}

export function killing(killTimeoutMs: number): Happening {
  const timeout = formatDuration(killTimeoutMs * 1e6);
  return {
    Type: "Killing",
    DisplayMessage: `Sent interrupt. Waiting ${timeout} before force killing`,
    Details: { kill_timeout: timeout },
  };
}

/** Its services are out of the catalog already. */
export function waitingForShutdown(delayMs: number): Happening {
  const message = `Waiting for shutdown_delay of ${formatDuration(delayMs * 1e6)} before killing the task.`;
  return { Type: "Waiting for shutdown delay", DisplayMessage: message, Message: message };
}

export function terminated(exit: Exclude<TaskExit, { kind: "aborted" }>): Happening {
  if (exit.kind === "lost") {
    return {
      Type: "Terminated",
      DisplayMessage: exit.message,
      Message: exit.message,
      Details: { exit_message: exit.message },
    };
  }
  const parts = [`Exit Code: ${exit.code}`];
  if (exit.signal !== 0) parts.push(`Signal: ${exit.signal}`);
  if (exit.message !== "") parts.push(`Exit Message: ${JSON.stringify(exit.message)}`);
  return {
    Type: "Terminated",
    DisplayMessage: `${exit.oomKilled ? "OOM Killed, " : ""}${parts.join(", ")}`,
    ExitCode: exit.code,
    Signal: exit.signal,
    Message: exit.message,
    Details: {
      exit_code: String(exit.code),
      signal: String(exit.signal),
      oom_killed: String(exit.oomKilled),
      ...(exit.message === "" ? {} : { exit_message: exit.message }),
    },
  };
}

export function startFailed(error: StartFailure): Happening {
  const message = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  return {
    Type: SETUP_TYPES[error.code] ?? "Driver Failure",
    DisplayMessage: message,
    Message: message,
    Details: { driver_error: message },
  };
}

/** Failures that come before a driver is asked. */
const SETUP_TYPES: Readonly<Record<string, string>> = {
  VALIDATION: "Failed Validation",
  SETUP: "Setup Failure",
  UNSUPPORTED: "Setup Failure",
  DEVICE: "Setup Failure",
  ARTIFACT: "Failed Artifact Download",
};

export function restarting(delayMs: number, reason: string): Happening {
  return {
    Type: "Restarting",
    DisplayMessage: `Task restarting in ${formatDuration(Math.round(delayMs) * 1e6)}`,
    Details: { restart_reason: reason, start_delay: String(Math.round(delayMs * 1e6)) },
  };
}

export function notRestarting(reason: string, failsTask: boolean): Happening {
  return {
    Type: "Not Restarting",
    DisplayMessage: reason,
    FailsTask: failsTask,
    Details: { restart_reason: reason, fails_task: String(failsTask) },
  };
}

export function restartSignaled(reason: string): Happening {
  return { Type: "Restart Signaled", DisplayMessage: reason, Message: reason, Details: { restart_reason: reason } };
}

export function signaling(signal: string, reason: string): Happening {
  return {
    Type: "Signaling",
    DisplayMessage: `Task being sent signal ${signal}${reason === "" ? "" : `: ${reason}`}`,
    Details: { signal },
  };
}
