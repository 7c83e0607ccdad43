import { NO_DYNAMIC_PORT } from "../place/fit.ts";
import type { NodeVerdict } from "./node-verdict.ts";

/** Of what a node has: to tell a small shortage from a large one. */
export interface Sizes {
  readonly CPU: number;
  readonly MemoryMB: number;
  readonly DiskMB: number;
}

/** One sentence: the least that would have to be different for one more allocation to run. Empty: nothing has to. */
export function smallestChange(verdicts: readonly NodeVerdict[], sizeOf: (nodeId: string) => Sizes): string {
  if (verdicts.length === 0) return "no node is registered: start an agent with a client";
  if (verdicts.some(({ Verdict }) => Verdict === "fits")) return "";
  return freeSomething(verdicts, sizeOf) ?? openNode(verdicts) ?? dropConstraint(verdicts) ?? "add a node for it";
}

function freeSomething(verdicts: readonly NodeVerdict[], sizeOf: (nodeId: string) => Sizes): string | undefined {
  const full = verdicts.filter(({ Verdict }) => Verdict === "full");
  const [least] = full.toSorted((a, b) => weightOf(a, sizeOf(a.NodeID)) - weightOf(b, sizeOf(b.NodeID)));
  if (least === undefined) return undefined;
  const { Short, NodeName, Reasons } = least;
  const amounts = [
    ...(Short.MemoryMB > 0 ? [`${Short.MemoryMB} MB of memory`] : []),
    ...(Short.CPU > 0 ? [`${Short.CPU} MHz of CPU`] : []),
    ...(Short.DiskMB > 0 ? [`${Short.DiskMB} MB of disk`] : []),
  ];
  if (amounts.length > 0) {
    return `it would fit on ${NodeName} with ${amounts.join(" and ")} more free: ask for less, stop something there, or add a node`;
  }
  if (Reasons[0] === NO_DYNAMIC_PORT) {
    return `it would fit on ${NodeName} if enough dynamic ports were free there: widen min_dynamic_port … max_dynamic_port of its client, or add a node`;
  }
  const port = /^network: reserved port collision (.+)=(\d+)$/.exec(Reasons[0] ?? "");
  return port === null
    ? `it would fit on ${NodeName} if ${Reasons[0] ?? "something"} were not exhausted there`
    : `it would fit on ${NodeName} if nobody had port ${port[2]} there: leave "static" out of port "${port[1]}", or add a node`;
}

/** As a share of the node, the largest of the dimensions; a port or a device alone weighs next to nothing. */
function weightOf({ Short }: NodeVerdict, size: Sizes): number {
  const share = (short: number, of: number): number => (short <= 0 ? 0 : of <= 0 ? 1 : short / of);
  return Math.max(share(Short.CPU, size.CPU), share(Short.MemoryMB, size.MemoryMB), share(Short.DiskMB, size.DiskMB));
}

function openNode(verdicts: readonly NodeVerdict[]): string | undefined {
  const closed = verdicts.find(({ Verdict }) => Verdict === "closed");
  if (closed === undefined) return undefined;
  return `${closed.NodeName} would take it but ${closed.Reasons[0] ?? "is closed"}: "lares node eligibility -enable ${closed.NodeName}" when it is well`;
}

/** The one condition that stands alone in the way of the most nodes. */
function dropConstraint(verdicts: readonly NodeVerdict[]): string | undefined {
  const alone = verdicts.filter(({ Verdict, Reasons }) => Verdict === "filtered" && Reasons.length === 1);
  const counts = new Map<string, number>();
  for (const { Reasons } of alone) counts.set(Reasons[0] ?? "", (counts.get(Reasons[0] ?? "") ?? 0) + 1);
  const [most] = [...counts].toSorted(([, a], [, b]) => b - a);
  if (most === undefined) return undefined;
  const [reason, count] = most;
  return `only "${reason}" keeps it from ${count} of ${verdicts.length} ${verdicts.length === 1 ? "node" : "nodes"}: change it, or add a node that meets it`;
}
