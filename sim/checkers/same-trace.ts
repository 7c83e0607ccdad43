import type { SeedResult } from "../run-seed.ts";

/** Two runs of one seed are one run: what makes every other finding repeatable. Returns what differs. */
export function sameTrace(one: SeedResult, other: SeedResult): string | undefined {
  if (one.hash === other.hash) return undefined;
  const at = one.lines.findIndex((line, index) => line !== other.lines[index]);
  const where =
    at < 0 ? "before the lines that were kept" : `'${one.lines[at]}' against '${other.lines[at] ?? "the end"}'`;
  return `seed ${one.seed} of ${one.scenario} ran differently the second time: ${where}`;
}
