import type { AllocStub } from "#base/client/nomad-answers.ts";
import { CodedError } from "#base/env/errors.ts";
import { valueOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";
import { placementReasons } from "./placement.ts";

const WAIT_MS = 60_000;

/**
 * Restarts the tasks named, or all that run, or with `allTasks` those that have ended, too, and waits until those that ran
 * have begun again. Throws when one does not.
 */
export async function restartAlloc(
  { nomad }: NomadSession,
  alloc: AllocStub,
  { tasks: names, allTasks }: { readonly tasks: readonly string[]; readonly allTasks: boolean },
): Promise<void> {
  const before = valueOf(await nomad.allocs.read(alloc.ID)).TaskStates;
  const tasks = Object.entries(before)
    .filter(([name, { State }]) => State === "running" && (names.length === 0 || names.includes(name)))
    .map(([name]) => name);
  if (names.length === 0) valueOf(await nomad.allocs.restart(alloc.ID, { all: allTasks }));
  else for (const task of tasks) valueOf(await nomad.allocs.restart(alloc.ID, { task }));
  for (let index = 0; ;) {
    const answer = await nomad.allocs.read(alloc.ID, { block: { index, waitMs: WAIT_MS } });
    const now = valueOf(answer);
    if (answer.ok) index = Math.max(1, answer.value.index);
    const isAgain = (name: string): boolean => {
      const state = now.TaskStates[name];
      const was = before[name];
      return state?.State === "running" && (state.Restarts !== was?.Restarts || state.StartedAt !== was.StartedAt);
    };
    if (tasks.every(isAgain)) return;
    if (["failed", "lost", "complete"].includes(now.ClientStatus))
      throw new CodedError("ended", `it is ${now.ClientStatus} now`, "lares alloc status says why.");
  }
}

/** Stops an allocation and waits until another one runs in its place. Throws when there is no place for it. */
export async function replaceAlloc(
  { nomad }: NomadSession,
  alloc: AllocStub,
  { noShutdownDelay }: { readonly noShutdownDelay: boolean },
): Promise<AllocStub> {
  const namespace = alloc.Namespace;
  const known = new Set(valueOf(await nomad.jobs.allocations(alloc.JobID, { namespace })).map(({ ID }) => ID));
  const { EvalID } = valueOf(await nomad.allocs.stop(alloc.ID, { noShutdownDelay }));
  await evaluated(nomad, EvalID);
  for (let index = 0; ;) {
    const answer = await nomad.jobs.allocations(alloc.JobID, { namespace, block: { index, waitMs: WAIT_MS } });
    const next = valueOf(answer).find((each) => !known.has(each.ID) && takesPlaceOf(each, alloc));
    if (answer.ok) index = Math.max(1, answer.value.index);
    if (next?.ClientStatus === "running") return next;
    if (next !== undefined && ["failed", "lost", "complete"].includes(next.ClientStatus))
      throw new CodedError("ended", `its replacement ${next.ID} is ${next.ClientStatus}`);
  }
}

/** Of a system job every node has one of the same name. */
function takesPlaceOf(each: AllocStub, alloc: AllocStub): boolean {
  const isBound = alloc.JobType === "system" || alloc.JobType === "sysbatch";
  return each.Name === alloc.Name && (!isBound || each.NodeID === alloc.NodeID);
}

async function evaluated({ evals }: NomadSession["nomad"], id: string): Promise<void> {
  for (let index = 0; ;) {
    const answer = await evals.read(id, { block: { index, waitMs: WAIT_MS } });
    const { Status, StatusDescription, FailedTGAllocs } = valueOf(answer);
    if (answer.ok) index = Math.max(1, answer.value.index);
    if (Status === "pending") continue;
    const reasons = Object.values(FailedTGAllocs).flatMap((metric) => placementReasons(metric));
    if (reasons.length > 0)
      throw new CodedError("unplaced", `stopped, but nothing takes its place: ${reasons.join("; ")}`);
    if (Status !== "complete") throw new CodedError("failed", `the evaluation is ${Status}: ${StatusDescription}`);
    return;
  }
}
