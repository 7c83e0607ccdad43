import type { Random } from "#base/env/random.ts";
import type { TaskState } from "#base/protocol/alloc.ts";
import type { StartFailure, TaskExit, TaskHandle } from "#drivers/driver.ts";
import { decideRestart, freshWindow } from "./restart-policy.ts";
import type { CompletePolicy } from "./restart-policy.ts";
import * as events from "./task-event.ts";
import type { Happening } from "./task-event.ts";
import type { TaskPhase, TaskRecord } from "./task-record.ts";

export type TaskInput =
  | { readonly kind: "begin"; readonly attempt: string }
  | { readonly kind: "started"; readonly handle: TaskHandle }
  | { readonly kind: "start-failed"; readonly error: StartFailure }
  | { readonly kind: "exited"; readonly exit: Exclude<TaskExit, { kind: "aborted" }> }
  | { readonly kind: "pause-over"; readonly attempt: string }
  /** For good; `why` is told to the user first, unless it is plain. */
  | { readonly kind: "stop"; readonly why: Happening | undefined }
  /** With `now` also one that waits for its next attempt. */
  | { readonly kind: "restart"; readonly reason: string; readonly now?: boolean }
  /** Back to before its first start, together with the rest of its allocation; what has ended, too. */
  | { readonly kind: "again"; readonly reason: string }
  | { readonly kind: "note"; readonly happening: Happening };

/** What the shell has to do now. */
export type TaskEffect =
  | { readonly kind: "start"; readonly attempt: string }
  | { readonly kind: "cancel-start" }
  | { readonly kind: "watch"; readonly handle: TaskHandle }
  | { readonly kind: "stop"; readonly handle: TaskHandle }
  | { readonly kind: "clean"; readonly handle: TaskHandle }
  | { readonly kind: "pause"; readonly delayMs: number }
  | { readonly kind: "cancel-pause" };

export interface TaskContext {
  readonly nowNs: number;
  readonly random: Random;
  readonly policy: CompletePolicy;
  /** Services start again after they ended well; batch work and one-shot lifecycle tasks do not. */
  readonly restartOnSuccess: boolean;
  readonly killTimeoutMs: number;
}

export interface TaskStep {
  readonly record: TaskRecord;
  readonly effects: readonly TaskEffect[];
}

export function newTaskRecord(nowNs: number): TaskRecord {
  const state: TaskState = {
    State: "pending",
    Failed: false,
    Restarts: 0,
    LastRestart: 0,
    StartedAt: 0,
    FinishedAt: 0,
    Events: events.withEvent([], events.received, nowNs),
    TaskHandle: null,
  };
  return { phase: { kind: "waiting" }, state, restarts: freshWindow };
}

/** The whole life of a task as one function; inputs that do not fit the phase change nothing. */
export function stepTask(record: TaskRecord, input: TaskInput, context: TaskContext): TaskStep {
  const { phase } = record;
  if (phase.kind === "dead" && input.kind !== "again") return { record, effects: [] };
  switch (input.kind) {
    case "begin":
      return phase.kind === "waiting" ? begin(record, input.attempt, context) : unchanged(record);
    case "pause-over":
      return phase.kind === "pausing" ? begin(record, input.attempt, context) : unchanged(record);
    case "started":
      return phase.kind === "starting"
        ? nowRunning(record, input.handle, { context, stopWanted: phase.stopWanted })
        : unchanged(record);
    case "start-failed":
      return phase.kind === "starting"
        ? startFailed(record, input.error, { context, stopWanted: phase.stopWanted })
        : unchanged(record);
    case "exited":
      return exited(record, input.exit, context);
    case "stop":
      return stop(record, input.why, context);
    case "restart":
      return restart(record, input, context);
    case "again":
      return again(record, input.reason, context);
    case "note":
      return { record: told(record, [input.happening], context), effects: [] };
    default:
      return input satisfies never;
  }
}

function unchanged(record: TaskRecord): TaskStep {
  return { record, effects: [] };
}

function begin(record: TaskRecord, attempt: string, context: TaskContext): TaskStep {
  const again = record.phase.kind === "pausing";
  const next = told(record, again ? [] : [events.buildingDirectory], context);
  return { record: at(next, { kind: "starting", attempt, stopWanted: false }), effects: [{ kind: "start", attempt }] };
}

interface Starting {
  readonly context: TaskContext;
  readonly stopWanted: boolean;
}

function nowRunning(record: TaskRecord, handle: TaskHandle, { context, stopWanted }: Starting): TaskStep {
  const next = patched(told(record, [events.started], context), { State: "running", StartedAt: context.nowNs });
  const watch = { kind: "watch", handle } as const;
  if (!stopWanted) return { record: at(next, { kind: "running", handle }), effects: [watch] };
  const stopping = told(next, [events.killing(context.killTimeoutMs)], context);
  return {
    record: at(stopping, { kind: "stopping", handle, then: "dead" }),
    effects: [watch, { kind: "stop", handle }],
  };
}

function startFailed(record: TaskRecord, error: StartFailure, { context, stopWanted }: Starting): TaskStep {
  if (stopWanted)
    return { record: dead(told(record, [events.killed], context), { failed: false, context }), effects: [] };
  const next = told(record, [events.startFailed(error)], context);
  if (!error.recoverable) {
    const why = events.notRestarting("Error was unrecoverable", true);
    return { record: dead(told(next, [why], context), { failed: true, context }), effects: [] };
  }
  return tryAgain(next, context, []);
}

function exited(record: TaskRecord, exit: Exclude<TaskExit, { kind: "aborted" }>, context: TaskContext): TaskStep {
  const { phase } = record;
  if (phase.kind !== "running" && phase.kind !== "stopping") return unchanged(record);
  const next = told(record, [events.terminated(exit)], context);
  const clean: TaskEffect = { kind: "clean", handle: phase.handle };
  if (phase.kind === "stopping") {
    if (phase.then === "restart") return pause(next, { delayMs: 0, context, effects: [clean] });
    if (phase.then === "again") return { record: rewound(next, context), effects: [clean] };
    return { record: dead(told(next, [events.killed], context), { failed: false, context }), effects: [clean] };
  }
  const success = exit.kind === "exited" && exit.code === 0 && exit.signal === 0;
  if (success && !context.restartOnSuccess) return { record: dead(next, { failed: false, context }), effects: [clean] };
  return tryAgain(next, context, [clean]);
}

function tryAgain(record: TaskRecord, context: TaskContext, effects: readonly TaskEffect[]): TaskStep {
  const verdict = decideRestart(context.policy, record.restarts, context);
  if (verdict.kind === "give-up") {
    const next = told(record, [events.notRestarting(verdict.reason, true)], context);
    return { record: dead(next, { failed: true, context }), effects };
  }
  const next = told(record, [events.restarting(verdict.delayMs, verdict.reason)], context);
  return pause({ ...next, restarts: verdict.window }, { delayMs: verdict.delayMs, context, effects });
}

interface Pausing {
  readonly delayMs: number;
  readonly context: TaskContext;
  readonly effects: readonly TaskEffect[];
}

function pause(record: TaskRecord, { delayMs, context, effects }: Pausing): TaskStep {
  const state = { State: "pending", Restarts: record.state.Restarts + 1, LastRestart: context.nowNs } as const;
  return { record: at(patched(record, state), { kind: "pausing" }), effects: [...effects, { kind: "pause", delayMs }] };
}

function stop(record: TaskRecord, why: Happening | undefined, context: TaskContext): TaskStep {
  const { phase } = record;
  const next = why === undefined ? record : told(record, [why], context);
  switch (phase.kind) {
    case "waiting":
    case "dead":
      return { record: dead(next, { failed: false, context }), effects: [] };
    case "pausing":
      return {
        record: dead(told(next, [events.killed], context), { failed: false, context }),
        effects: [{ kind: "cancel-pause" }],
      };
    case "starting":
      if (phase.stopWanted) return unchanged(record);
      return { record: at(next, { ...phase, stopWanted: true }), effects: [{ kind: "cancel-start" }] };
    case "stopping":
      return unchanged(phase.then === "dead" ? record : at(next, { ...phase, then: "dead" }));
    case "running": {
      const stopping = at(told(next, [events.killing(context.killTimeoutMs)], context), {
        ...phase,
        kind: "stopping",
        then: "dead",
      });
      return { record: stopping, effects: [{ kind: "stop", handle: phase.handle }] };
    }
    default:
      return phase satisfies never;
  }
}

function restart(
  record: TaskRecord,
  { reason, now }: Extract<TaskInput, { kind: "restart" }>,
  context: TaskContext,
): TaskStep {
  const { phase } = record;
  if (phase.kind === "pausing" && now)
    return {
      record: told(record, [events.restartSignaled(reason)], context),
      effects: [{ kind: "cancel-pause" }, { kind: "pause", delayMs: 0 }],
    };
  if (phase.kind !== "running") return unchanged(record);
  const next = told(record, [events.restartSignaled(reason), events.killing(context.killTimeoutMs)], context);
  return {
    record: at(next, { kind: "stopping", handle: phase.handle, then: "restart" }),
    effects: [{ kind: "stop", handle: phase.handle }],
  };
}

function again(record: TaskRecord, reason: string, context: TaskContext): TaskStep {
  const { phase } = record;
  const next = told(record, [events.restartSignaled(reason)], context);
  switch (phase.kind) {
    case "running": {
      const stopping = { kind: "stopping", handle: phase.handle, then: "again" } as const;
      const killing = told(next, [events.killing(context.killTimeoutMs)], context);
      return { record: at(killing, stopping), effects: [{ kind: "stop", handle: phase.handle }] };
    }
    case "pausing":
      return { record: rewound(next, context), effects: [{ kind: "cancel-pause" }] };
    case "dead":
      return { record: rewound(next, context), effects: [] };
    case "stopping":
    case "starting":
    case "waiting":
      return unchanged(record);
    default:
      return phase satisfies never;
  }
}

function rewound(record: TaskRecord, { nowNs }: TaskContext): TaskRecord {
  const Restarts = record.state.Restarts + 1;
  const state = { State: "pending", Failed: false, FinishedAt: 0, LastRestart: nowNs, Restarts } as const;
  return { ...at(patched(record, state), { kind: "waiting" }), restarts: freshWindow };
}

function at(record: TaskRecord, phase: TaskPhase): TaskRecord {
  return { ...record, phase };
}

function patched(record: TaskRecord, state: Partial<TaskState>): TaskRecord {
  return { ...record, state: { ...record.state, ...state } };
}

function told(record: TaskRecord, happenings: readonly Happening[], { nowNs }: TaskContext): TaskRecord {
  if (happenings.length === 0) return record;
  const list = happenings.reduce((sum, each) => events.withEvent(sum, each, nowNs), record.state.Events);
  return patched(record, { Events: list });
}

function dead(record: TaskRecord, end: { readonly failed: boolean; readonly context: TaskContext }): TaskRecord {
  return at(patched(record, { State: "dead", Failed: end.failed, FinishedAt: end.context.nowNs }), { kind: "dead" });
}
