import type { BenchResult } from "../run-bench.ts";
import { showNumber } from "../summary.ts";

export function printResult(result: BenchResult): void {
  if (result.failure !== undefined) console.log(`  FAILED: ${result.failure}`);
  const rows = result.measures.map((each) => [
    each.peer === true ? `(${each.name})` : each.name,
    `${showNumber(each.median)} ${each.unit}`,
    each.samples.length > 1
      ? `${showNumber(each.min)} … ${showNumber(each.max)}, spread ${Math.round(each.spread * 100)} %`
      : "",
    each.ratio === undefined ? "" : `${showNumber(each.ratio)} × ${each.against}`,
    each.reached === undefined ? "" : `${each.reached ? "reached" : "NOT REACHED"}: ${each.target?.text}`,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    console.log(
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()}`,
    );
  for (const note of result.notes) console.log(`  note: ${note}`);
}
