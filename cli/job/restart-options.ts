import { readDuration } from "#base/language/duration.ts";
import { UsageError, type FlagValues } from "../command/command.ts";

export interface RestartOptions {
  readonly groups: readonly string[];
  readonly tasks: readonly string[];
  /** Tasks that have ended, too. */
  readonly allTasks: boolean;
  /** Replaces allocations instead of restarting them where they are. */
  readonly reschedule: boolean;
  readonly noShutdownDelay: boolean;
  /** Allocations at a time, of so many. */
  readonly batchOf: (running: number) => number;
  /** Between batches. */
  readonly waitMs: number | "ask";
  readonly onError: "ask" | "fail" | "go on";
}

/** https://developer.hashicorp.com/nomad/commands/job/restart. Throws a {@link UsageError}. */
export function restartOptions(flags: FlagValues): RestartOptions {
  const tasks = flags.values("task");
  const reschedule = flags.on("reschedule");
  if (tasks.length > 0 && flags.on("all-tasks")) throw new UsageError("give -task or -all-tasks, not both");
  if (reschedule && (tasks.length > 0 || flags.on("all-tasks")))
    throw new UsageError("-reschedule replaces whole allocations: it goes with neither -task nor -all-tasks");
  return {
    groups: flags.values("group"),
    tasks,
    allTasks: flags.on("all-tasks"),
    reschedule,
    noShutdownDelay: flags.on("no-shutdown-delay"),
    batchOf: batchOf(flags.value("batch-size") ?? "1"),
    waitMs: waitOf(flags.value("batch-wait") ?? "0s"),
    onError: onErrorOf(flags.value("on-error"), flags.on("yes")),
  };
}

/** A share is rounded up. */
function batchOf(text: string): (running: number) => number {
  const [, digits = "", percent] = /^(\d{1,9})(%?)$/.exec(text) ?? [];
  const size = Number(digits);
  if (digits === "" || size === 0 || (percent === "%" && size > 100))
    throw new UsageError(`-batch-size takes a number above 0, or a percentage up to 100%, not "${text}"`);
  return percent === "%" ? (running) => Math.max(1, Math.ceil((running * size) / 100)) : () => size;
}

function waitOf(text: string): number | "ask" {
  if (text === "ask") return "ask";
  const read = readDuration(text);
  if (!read.ok || read.value < 0) throw new UsageError(`-batch-wait takes a duration like 30s, or ask, not "${text}"`);
  return read.value / 1e6;
}

function onErrorOf(text: string | undefined, yes: boolean): RestartOptions["onError"] {
  if (text === undefined) return yes ? "go on" : "ask";
  if (text === "ask" || text === "fail") return text;
  throw new UsageError(`-on-error takes ask or fail, not "${text}"`);
}
