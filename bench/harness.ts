/** One hot path. A file `bench/<name>.bench.ts` exports it as `bench`. */
export interface Bench {
  readonly name: string;
  readonly title: string;
  run(context: BenchContext): Promise<Report>;
}

export interface BenchContext {
  /** How often each contestant takes its turn. */
  readonly rounds: number;
  /** How often a bench of failures strikes. */
  readonly kills: number;
  /** Fewer rounds and smaller inputs were asked for. */
  readonly quick: boolean;
  /** A line of progress. */
  say(text: string): void;
  /** A new empty folder on the disk (not in memory), removed when the bench is over. */
  tempDir(): Promise<string>;
  /** Runs when the bench is over, however it ended; the last one first. */
  defer(cleanUp: () => Promise<void> | void): void;
  /** Runs every contestant once per round, in an order that turns with the rounds, after one uncounted round. */
  takeTurns(contestants: readonly Contestant[]): Promise<readonly Measure[]>;
}

export interface Contestant {
  readonly name: string;
  readonly unit: Unit;
  readonly better: "less" | "more";
  /** Another program doing the same, for comparison. */
  readonly peer?: boolean;
  /** Name of the contestant the ratio is taken to. */
  readonly against?: string;
  readonly target?: Target;
  readonly curve?: CurvePoint;
  /** One turn; its figure in `unit`. */
  turn(): Promise<number> | number;
}

export type Unit =
  | "ms"
  | "µs"
  | "ops/s"
  | "MB"
  | "KB"
  | "%"
  | "bytes"
  | "MB/s"
  | "req/s"
  | "requests"
  | "records/s"
  | "placements/s"
  | "nodes";

/** A point of a line that is drawn beside the bars. */
export interface CurvePoint {
  /** What the points of one line have in common. */
  readonly of: string;
  /** What grows along the axis: `nodes`. */
  readonly axis: string;
  readonly at: number;
}

/** What must be reached: a bound on the median, or on the ratio of the medians to `against`'s. */
export interface Target {
  readonly text: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly ratioAtMost?: number;
  readonly ratioAtLeast?: number;
}

/** One row of a report. */
export interface Measure {
  readonly name: string;
  readonly unit: Unit;
  readonly better: "less" | "more";
  readonly samples: readonly number[];
  readonly peer?: boolean;
  readonly against?: string;
  readonly target?: Target;
  readonly curve?: CurvePoint;
}

export interface Report {
  readonly measures: readonly Measure[];
  /** What a reader has to know: inputs, versions, peers that are missing here. */
  readonly notes?: readonly string[];
}

/** A measure of one sample, or of samples taken otherwise. */
export function measureOf(measure: Omit<Measure, "samples">, ...samples: number[]): Measure {
  return { ...measure, samples };
}

/** Milliseconds that `work` takes. */
export async function timeMs(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export async function takeTurns(contestants: readonly Contestant[], rounds: number): Promise<readonly Measure[]> {
  const samples = contestants.map((): number[] => []);
  for (let round = -1; round < rounds; round++) {
    for (let at = 0; at < contestants.length; at++) {
      const index = (at + Math.max(round, 0)) % contestants.length;
      const figure = await contestants[index]!.turn();
      if (round >= 0) samples[index]!.push(figure);
    }
  }
  return contestants.map((contestant, index) => ({ ...contestant, samples: samples[index]! }));
}
