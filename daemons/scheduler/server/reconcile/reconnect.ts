import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { KnownAlloc } from "../alloc-state.ts";
import { groupDiff } from "./group-diff.ts";
import type { Situation } from "./situation.ts";

/**
 * Whether the original goes on when its node is back and `replacement` runs in its place.
 * https://developer.hashicorp.com/nomad/docs/job-specification/disconnect#reconcile
 */
export function keepsOriginal(
  at: { readonly situation: Situation; readonly job: Job; readonly group: TaskGroup },
  original: KnownAlloc,
  replacement: KnownAlloc,
): boolean {
  const { situation, job, group } = at;
  // An original of a version that has to be replaced anyway would only be started to be stopped.
  const newer = replacement.alloc.JobVersion > original.alloc.JobVersion;
  if (newer && groupDiff(situation.versionOf(original), job, group.Name) === "destructive") return false;
  switch (group.Disconnect?.Reconcile ?? "best_score") {
    case "keep_original":
      return true;
    case "keep_replacement":
      return false;
    case "longest_running":
      return runningSince(original) <= runningSince(replacement);
    default:
      return nodeScore(original) >= nodeScore(replacement);
  }
}

/** What its node scored when it was placed there. */
function nodeScore({ alloc }: KnownAlloc): number {
  return alloc.Metrics?.ScoreMetaData.find(({ NodeID }) => NodeID === alloc.NodeID)?.NormScore ?? 0;
}

/** When the task that runs longest without a break started; what does not run yet comes last. */
function runningSince({ report }: KnownAlloc): number {
  const starts = Object.values(report?.TaskStates ?? {})
    .filter(({ State }) => State === "running")
    .map(({ StartedAt, LastRestart }) => Math.max(StartedAt, LastRestart));
  return starts.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...starts);
}
