import type { ScalingEvent } from "#base/protocol/scaling-event.ts";
import { absent, put, unchanged } from "#base/state/codec.ts";
import type { Compare, Op } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { jobScalings } from "#base/state/tables.ts";

/** Kept of each group; the oldest go first. */
export const MAX_SCALING_EVENTS = 20;

/** Of one group, newest first, each with the revision it was written at where that is known. */
export function scalingEventsOf(view: View, job: { readonly namespace: string; readonly id: string }, group: string) {
  return view.table(jobScalings).get(job.namespace, job.id)?.value.Groups[group] ?? [];
}

/** The write that keeps an event, and what has to hold for it. */
export function keepEvent(
  view: View,
  job: { readonly namespace: string; readonly id: string },
  { group, event }: { readonly group: string; readonly event: ScalingEvent },
): { readonly compare: Compare; readonly op: Op } {
  const at = { namespace: job.namespace, id: job.id };
  const row = view.table(jobScalings).get(at.namespace, at.id);
  const events = [event, ...(row?.value.Groups[group] ?? [])].slice(0, MAX_SCALING_EVENTS);
  return {
    compare: row === undefined ? absent(jobScalings, at.namespace, at.id) : unchanged(jobScalings, row),
    op: put(jobScalings, at, { Groups: { ...row?.value.Groups, [group]: events } }),
  };
}
