import { isTerminalClientStatus, type Alloc, type AllocClientStatus, type AllocReport } from "#base/protocol/alloc.ts";

/** An allocation with both sides of its story: what the scheduler wants and what its client said last. */
export interface KnownAlloc {
  readonly alloc: Alloc;
  readonly report: AllocReport | undefined;
  /** Revision the allocation was made at. */
  readonly createIndex: number;
  /** Revision of the scheduler's record. */
  readonly allocIndex: number;
  /** The newest revision of its two records. */
  readonly modifyIndex: number;
}

/** As much as its state follows from. */
export type AllocSides = Pick<KnownAlloc, "alloc" | "report">;

/** Changes of state that are kept of one allocation; older ones are forgotten. */
const MAX_ALLOC_STATES = 20;

/** The client's word, except where the servers gave the node up, or lost sight of it, before it could say how it ended. */
export function clientStatus({ alloc, report }: AllocSides): AllocClientStatus {
  if (report !== undefined && isTerminalClientStatus(report.ClientStatus)) return report.ClientStatus;
  if (alloc.Lost) return "lost";
  if (unknownSince(alloc) !== undefined) return "unknown";
  return report?.ClientStatus ?? "pending";
}

export function isClientTerminal(known: AllocSides): boolean {
  return isTerminalClientStatus(clientStatus(known));
}

/** Ended, or told to end. */
export function isTerminal(known: AllocSides): boolean {
  return known.alloc.DesiredStatus !== "run" || isClientTerminal(known);
}

/** Since when (nanoseconds since the epoch) its node is out of reach; undefined: it is not, as far as was written down. */
export function unknownSince({ AllocStates }: Pick<Alloc, "AllocStates">): number | undefined {
  const last = AllocStates?.at(-1);
  return last?.Value === "unknown" ? last.Time : undefined;
}

/** Its states with one more. */
export function withState(
  { AllocStates }: Pick<Alloc, "AllocStates">,
  value: "unknown" | "running",
  atNs: number,
): NonNullable<Alloc["AllocStates"]> {
  const states = [...(AllocStates ?? []), { Field: "ClientStatus", Value: value, Time: atNs }];
  return states.slice(-MAX_ALLOC_STATES);
}

/** The index in `job.group[index]`; −1 for a name of another form. */
export function indexOfName(name: string): number {
  if (!name.endsWith("]")) return -1;
  const digits = name.slice(name.lastIndexOf("[") + 1, -1);
  const index = Number(digits);
  return digits.length >= 1 && digits.length <= 9 && Number.isInteger(index) && index >= 0 ? index : -1;
}
