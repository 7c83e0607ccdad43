import * as v from "valibot";
import type { SlotName } from "./boot-env.ts";

const Slot = v.picklist(["A", "B"]);

/** An allocation that ran steadily on this machine. */
export const RanBeforeSchema = v.object({
  alloc: v.string(),
  /** As the job calls it. */
  name: v.string(),
  /** Of each task that ran, the attempt that did, which no start of the machine outlives, and how many restarts came before it. */
  tasks: v.record(v.string(), v.object({ attempt: v.string(), restarts: v.number() })),
});
export type RanBefore = v.InferOutput<typeof RanBeforeSchema>;

/** What is known of the last update: one file, written before and after each step. */
export const UpdateRecordSchema = v.object({
  schema: v.literal(1),
  state: v.picklist(["installing", "installed", "confirmed", "failed"]),
  slot: Slot,
  /** Of the update, and of what ran before. */
  version: v.string(),
  from: v.string(),
  /** ISO 8601 */
  at: v.string(),
  /** Had an address and a way out before; so it has to have them after. */
  hadNetwork: v.boolean(),
  /** Was in touch with a cluster that has a leader; so it has to be after. */
  hadCluster: v.optional(v.boolean(), false),
  /** Ran when it was written; so they have to run after, where they still belong here. Until it was judged. */
  ran: v.optional(v.array(RanBeforeSchema), () => []),
  reason: v.optional(v.string()),
});
export type UpdateRecord = v.InferOutput<typeof UpdateRecordSchema>;

/** What the machine finds after a start. */
export interface Findings {
  readonly slot: SlotName;
  /** Undefined: never an update. */
  readonly record: UpdateRecord | undefined;
  /** What is wrong now; empty: healthy. */
  readonly problems: readonly string[];
  /** How often the slot was started since it was written, as far as it got. */
  readonly starts: number;
  /** Why the new slot was left, when it could not say so in the record itself. */
  readonly left?: string | undefined;
}

export type Verdict =
  | { readonly kind: "confirm"; readonly record: UpdateRecord | undefined }
  | { readonly kind: "go-back"; readonly record: UpdateRecord }
  | { readonly kind: "stay"; readonly record: UpdateRecord | undefined };

/**
 * What follows a start: a new slot that is healthy is confirmed and one that is not is left; in an old slot an update
 * that should have run has failed. A machine in trouble that was not updated stays as it is: the other slot is no better.
 */
export function judgeStart({ slot, record, problems, starts, left }: Findings): Verdict {
  const pending = record !== undefined && (record.state === "installed" || record.state === "installing");
  if (!pending) return { kind: problems.length === 0 ? "confirm" : "stay", record };
  if (record.slot !== slot)
    return { kind: problems.length === 0 ? "confirm" : "stay", record: failed(record, left || whyNot(record, starts)) };
  if (problems.length === 0) return { kind: "confirm", record: { ...record, state: "confirmed", ran: [] } };
  return { kind: "go-back", record: failed(record, problems.join("; ")) };
}

function whyNot(record: UpdateRecord, starts: number): string {
  if (record.state === "installing") return "it was cut short while it was written";
  if (starts === 0)
    return `slot ${record.slot} never came as far as reading the data partition: its kernel or its system does not start`;
  return `slot ${record.slot} was started ${starts === 1 ? "once" : `${starts} times`} and never confirmed`;
}

function failed(record: UpdateRecord, reason: string): UpdateRecord {
  return { ...record, state: "failed", reason, ran: [] };
}
