import { join } from "node:path";
import { textOf } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import type { Disk } from "#base/env/disk.ts";
import type { Env } from "#base/env/env.ts";
import { replay, type SavedAlloc } from "#daemons/scheduler/client/client-state-lines.ts";
import type { TaskRecord } from "#daemons/scheduler/client/task/task-record.ts";
import type { RanBefore } from "#os-image/firmware/node/update-record.ts";

/** What the agent of this machine knows of its tasks. Read there, since its API asks for a token. */
const STATE = join("/var/lib/lares", "client/state.jsonl");
/** What ran for less before an update may be a task that fails again and again. */
const STEADY_BEFORE_MS = 60_000;
/** So long it has to run without a break after it. */
const STEADY_MS = 10_000;
/** For engines to come up, and tasks that wait for each other. With all that is waited for before, less than `lares-late.timer`. */
const TASKS_MS = 240_000;
const PAUSE_MS = 1000;
/** Allocations that are named; of the others the number is told. */
const MOST_NAMED = 3;

type Allocs = ReadonlyMap<string, SavedAlloc>;
type NamedTask = readonly [name: string, TaskRecord];

export async function readTasks(disk: Disk, path: string = STATE): Promise<Allocs> {
  const bytes = await disk.read(path);
  return replay(bytes === undefined ? "" : textOf(bytes)).live;
}

/** What an update must not end: of services and system jobs. What a restart does to batch work is that work's affair. */
export function ranSteadily(allocs: Allocs, nowMs: number): RanBefore[] {
  return [...allocs.values()].flatMap(({ current: { alloc, job }, tasks }) => {
    const isLasting = job.Type === "service" || job.Type === "system";
    if (!isLasting || alloc.DesiredStatus !== "run" || Object.entries(tasks).some(hasFailed)) return [];
    const steady = Object.entries(tasks).flatMap(([task, { phase, state }]) =>
      phase.kind === "running" && state.StartedAt / 1e6 <= nowMs - STEADY_BEFORE_MS
        ? [[task, { attempt: phase.handle.taskId, restarts: state.Restarts }] as const]
        : [],
    );
    return steady.length === 0 ? [] : [{ alloc: alloc.ID, name: alloc.Name, tasks: Object.fromEntries(steady) }];
  });
}

interface Patience {
  readonly path?: string;
  readonly steadyMs?: number;
  readonly timeoutMs?: number;
}

/**
 * Waits until what ran before an update runs again, for a while. What was stopped, moved away or forgotten since does not have to.
 * @returns what does not, after some minutes or as soon as it failed for good; empty: all does
 */
export async function missingTasks(
  { clock, disk }: Pick<Env, "clock" | "disk">,
  ran: readonly RanBefore[],
  { path, steadyMs = STEADY_MS, timeoutMs = TASKS_MS }: Patience = {},
): Promise<readonly string[]> {
  const began = clock.monotonicMs();
  /** Attempts that run, and when that was seen first. */
  let seen = new Map<string, number>();
  while (ran.length > 0) {
    const allocs = await readTasks(disk, path);
    const now = clock.monotonicMs();
    const standings = ran.map((each) => ({ name: each.name, ...standingOf(each, allocs.get(each.alloc)) }));
    const running = standings.flatMap((each) => (each.kind === "well" ? each.attempts : []));
    seen = new Map(running.map((attempt) => [attempt, seen.get(attempt) ?? now]));
    const isSteady = [...seen.values()].every((since) => now - since >= steadyMs);
    if (isSteady && standings.every(({ kind }) => kind === "well")) break;
    const isOver = now - began >= timeoutMs || standings.some(({ kind }) => kind === "failed");
    if (isOver)
      return told(standings.flatMap((each) => ("problem" in each ? [`${each.name} ran before: ${each.problem}`] : [])));
    await sleep(clock, PAUSE_MS);
  }
  return [];
}

type Standing =
  | { readonly kind: "well"; readonly attempts: readonly string[] }
  /** Nothing of it was tried since the machine was started: its own restart policy lets it wait. */
  | { readonly kind: "waiting" }
  | { readonly kind: "missing"; readonly problem: string }
  | { readonly kind: "failed"; readonly problem: string };

const WELL: Standing = { kind: "well", attempts: [] };

function standingOf({ tasks: before }: RanBefore, saved: SavedAlloc | undefined): Standing {
  if (saved === undefined) return WELL;
  const tasks = Object.entries(saved.tasks);
  const wasTried = ([task, { state }]: NamedTask): boolean => state.Restarts > (before[task]?.restarts ?? -1);
  // Before all else: what failed here may have been replaced on another node already.
  const failed = tasks.find((each) => hasFailed(each) && wasTried(each));
  if (failed !== undefined) return { kind: "failed", problem: problemOf("failed", failed) };
  if (saved.current.alloc.DesiredStatus !== "run") return WELL;
  const wanted = tasks.filter(([task, { phase }]) => task in before && phase.kind !== "dead");
  // One that the agent has not taken up yet still stands there as it did before the start.
  const attempts = wanted.flatMap(([task, { phase }]) =>
    phase.kind === "running" && phase.handle.taskId !== before[task]?.attempt ? [phase.handle.taskId] : [],
  );
  if (attempts.length === wanted.length) return { kind: "well", attempts };
  const idle = wanted.filter(([, { phase }]) => phase.kind !== "running" || !attempts.includes(phase.handle.taskId));
  const [first] = idle.filter(
    ([task, { phase, state }]) => phase.kind !== "pausing" || state.Restarts > (before[task]?.restarts ?? 0) + 1,
  );
  return first === undefined ? { kind: "waiting" } : { kind: "missing", problem: problemOf("does not run", first) };
}

function hasFailed([, { state }]: NamedTask): boolean {
  return state.State === "dead" && state.Failed;
}

/** With what happened to it last, but that it is started again or not. */
function problemOf(what: string, [task, { state }]: NamedTask): string {
  const said = state.Events.findLast(({ Type }) => !Type.includes("Restart"))?.DisplayMessage ?? "";
  return `task ${task} ${what}${said === "" ? "" : `: ${said}`}`;
}

function told(problems: readonly string[]): readonly string[] {
  if (problems.length <= MOST_NAMED) return problems;
  return [...problems.slice(0, MOST_NAMED), `${problems.length - MOST_NAMED} more that ran before do not`];
}
