import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Spread } from "#base/protocol/policies.ts";
import type { Node } from "#base/protocol/node.ts";
import { resolveTarget } from "./target.ts";

/**
 * Spreading one group over values of node attributes. Nodes with the same values for all spreads are one `bucket`:
 * whatever is placed, their spread scores move together.
 * https://developer.hashicorp.com/nomad/docs/job-specification/spread
 */
export class SpreadCounts {
  readonly #spreads: readonly WeightedSpread[];
  readonly #buckets = new Map<string, number>();
  readonly #values: (readonly string[])[] = [];

  constructor(job: Job, group: TaskGroup) {
    const spreads = [...group.Spreads, ...job.Spreads];
    const total = spreads.reduce((sum, { Weight }) => sum + Math.abs(Weight), 0);
    this.#spreads = spreads.map((spread) => ({
      spread,
      share: total === 0 ? 0 : spread.Weight / total,
      desired: desiredCounts(spread, group.Count ?? 1),
      placed: new Map(),
      range: undefined,
    }));
  }

  get active(): boolean {
    return this.#spreads.length > 0;
  }

  bucketOf(node: Node): number {
    if (!this.active) return 0;
    const values = this.#spreads.map(({ spread }) => resolveTarget(spread.Attribute, node) ?? "");
    const key = JSON.stringify(values);
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    const bucket = this.#values.push(values) - 1;
    this.#buckets.set(key, bucket);
    for (const [index, { placed }] of this.#spreads.entries()) {
      const value = values[index] ?? "";
      if (!placed.has(value)) placed.set(value, 0);
    }
    for (const spread of this.#spreads) spread.range = undefined;
    return bucket;
  }

  /** An allocation of the group is on a node of this bucket (`by` 1), or no longer (−1). */
  count(bucket: number, by: 1 | -1): void {
    for (const [index, { placed }] of this.#spreads.entries()) {
      const value = this.#values[bucket]?.[index] ?? "";
      placed.set(value, Math.max(0, (placed.get(value) ?? 0) + by));
    }
    for (const spread of this.#spreads) spread.range = undefined;
  }

  /** The spread part of the score of one more allocation there; 0 without spreads. */
  score(bucket: number): number {
    let score = 0;
    for (const [index, weighted] of this.#spreads.entries()) {
      const value = this.#values[bucket]?.[index] ?? "";
      const { desired, placed, share } = weighted;
      score += share * (desired === undefined ? evenScore(weighted, value) : targetScore(desired, placed, value));
    }
    return score;
  }
}

interface WeightedSpread {
  readonly spread: Spread;
  readonly share: number;
  /** By value, `*` for all others; undefined: evenly over all values there are. */
  readonly desired: ReadonlyMap<string, number> | undefined;
  readonly placed: Map<string, number>;
  /** Smallest and largest count, until something is counted again. */
  range: { readonly least: number; readonly most: number } | undefined;
}

function desiredCounts(spread: Spread, count: number): Map<string, number> | undefined {
  if (spread.SpreadTarget.length === 0) return undefined;
  const desired = new Map<string, number>();
  let rest = count;
  for (const { Value, Percent } of spread.SpreadTarget) {
    const share = (Percent / 100) * count;
    desired.set(Value, share);
    rest -= share;
  }
  if (rest > 0) desired.set("*", rest);
  return desired;
}

function targetScore(desired: ReadonlyMap<string, number>, placed: ReadonlyMap<string, number>, value: string): number {
  const wanted = desired.get(value) ?? desired.get("*") ?? 0;
  if (wanted === 0) return -1;
  return (wanted - ((placed.get(value) ?? 0) + 1)) / wanted;
}

/** 1 where least is, −1 where most is, in between by proportion; 0 while all values are level. */
function evenScore(weighted: WeightedSpread, value: string): number {
  weighted.range ??= rangeOf(weighted.placed.values());
  const { least, most } = weighted.range;
  return most === least ? 0 : 1 - (2 * ((weighted.placed.get(value) ?? 0) - least)) / (most - least);
}

function rangeOf(counts: Iterable<number>): { least: number; most: number } {
  let most = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const count of counts) {
    if (count > most) most = count;
    if (count < least) least = count;
  }
  return { least, most };
}
