import { isTerminalClientStatus, type Alloc, type AllocClientStatus, type AllocReport } from "#base/protocol/alloc.ts";

/** An allocation with both sides of its story: what the scheduler wants and what its client said last. */
export interface KnownAlloc {
  readonly alloc: Alloc;
  readonly report: AllocReport | undefined;
  /** Revision the allocation was made at. */
  readonly createIndex: number;
  /** The newest revision of its two records. */
  readonly modifyIndex: number;
}

/** As much as its state follows from. */
export type AllocSides = Pick<KnownAlloc, "alloc" | "report">;

/** The client's word, except where the servers gave the node up before it could say how it ended. */
export function clientStatus({ alloc, report }: AllocSides): AllocClientStatus {
  if (report !== undefined && isTerminalClientStatus(report.ClientStatus)) return report.ClientStatus;
  if (alloc.Lost) return "lost";
  return report?.ClientStatus ?? "pending";
}

export function isClientTerminal(known: AllocSides): boolean {
  return isTerminalClientStatus(clientStatus(known));
}

/** Ended, or told to end. */
export function isTerminal(known: AllocSides): boolean {
  return known.alloc.DesiredStatus !== "run" || isClientTerminal(known);
}

/** The index in `job.group[index]`; −1 for a name of another form. */
export function indexOfName(name: string): number {
  const match = /\[(\d{1,9})\]$/.exec(name);
  return match === null ? -1 : Number(match[1]);
}
