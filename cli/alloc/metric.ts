import type { AllocMetric } from "#base/protocol/alloc.ts";
import { placementReasons } from "../job/placement.ts";
import { columns } from "../print/columns.ts";

/** How a node was chosen: the best ones' scores, one column for each kind. */
export function metricLines(metric: AllocMetric | null): string[] {
  if (metric === null) return [];
  const kinds = [...new Set(metric.ScoreMetaData.flatMap(({ Scores }) => Object.keys(Scores)))].toSorted();
  const rows = metric.ScoreMetaData.map(({ NodeID, Scores, NormScore }) => [
    NodeID,
    ...kinds.map((kind) => score(Scores[kind] ?? 0)),
    score(NormScore),
  ]);
  return [
    "",
    "Placement Metrics",
    ...placementReasons(metric).map((reason) => `  * ${reason}`),
    ...(rows.length === 0 ? [] : columns(["Node", ...kinds, "final score"], rows)),
  ];
}

function score(value: number): string {
  return String(Number(value.toPrecision(3)));
}
