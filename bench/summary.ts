import type { Measure, Target } from "./harness.ts";

export interface Summary extends Measure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Distance of the quartiles over the median. */
  readonly spread: number;
  /** Median over the median of `against`; undefined without one. */
  readonly ratio: number | undefined;
  /** Undefined without a target. */
  readonly reached: boolean | undefined;
}

export function summarize(measures: readonly Measure[]): readonly Summary[] {
  const medians = new Map(measures.map((each) => [each.name, quantile(each.samples, 0.5)]));
  return measures.map((each) => {
    const median = quantile(each.samples, 0.5);
    const base = each.against === undefined ? undefined : medians.get(each.against);
    const ratio = base === undefined ? undefined : median / base;
    return {
      name: each.name,
      unit: each.unit,
      better: each.better,
      samples: each.samples,
      ...(each.peer === undefined ? {} : { peer: each.peer }),
      ...(each.against === undefined ? {} : { against: each.against }),
      ...(each.target === undefined ? {} : { target: each.target }),
      ...(each.curve === undefined ? {} : { curve: each.curve }),
      median,
      min: Math.min(...each.samples),
      max: Math.max(...each.samples),
      spread: median === 0 ? 0 : (quantile(each.samples, 0.75) - quantile(each.samples, 0.25)) / median,
      ratio,
      reached: each.target === undefined ? undefined : reaches(each.target, median, ratio),
    };
  });
}

/** Linear interpolation between the two nearest ranks. */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) return Number.NaN;
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)]!;
  const high = sorted[Math.ceil(at)]!;
  return low + (high - low) * (at - Math.floor(at));
}

/** A target on a ratio whose peer is missing is not reached: nothing was shown. */
function reaches(target: Target, median: number, ratio: number | undefined): boolean {
  const { atMost, atLeast, ratioAtMost, ratioAtLeast } = target;
  if (Number.isNaN(median)) return false;
  if (atMost !== undefined && median > atMost) return false;
  if (atLeast !== undefined && median < atLeast) return false;
  if (ratioAtMost !== undefined && !(ratio !== undefined && ratio <= ratioAtMost)) return false;
  return !(ratioAtLeast !== undefined && !(ratio !== undefined && ratio >= ratioAtLeast));
}

/** Three significant digits, thousands set apart. */
export function showNumber(value: number): string {
  if (Number.isNaN(value)) return "none";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  if (value === 0) return "0";
  return String(Number(value.toPrecision(3)));
}
