import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Bench, BenchContext } from "./harness.ts";
import { takeTurns } from "./harness.ts";
import type { Summary } from "./summary.ts";
import { summarize } from "./summary.ts";

export interface BenchResult {
  readonly name: string;
  readonly title: string;
  readonly measuredAt: string;
  readonly rounds: number;
  readonly quick: boolean;
  readonly tookMs: number;
  readonly measures: readonly Summary[];
  readonly notes: readonly string[];
  readonly failure?: string;
}

export interface RunBenchOptions {
  readonly rounds: number;
  readonly kills: number;
  readonly quick: boolean;
}

/** Runs one bench; what it leaves behind is cleared whether it worked or not. */
export async function runBench(bench: Bench, options: RunBenchOptions): Promise<BenchResult> {
  const cleanUps: (() => Promise<void> | void)[] = [];
  const began = performance.now();
  console.log(`\n${bench.name}: ${bench.title}`);
  const context: BenchContext = {
    ...options,
    say: (text) => console.log(`  … ${text}`),
    tempDir: async () => {
      const parent = new URL("../dist/bench/tmp", import.meta.url).pathname;
      await mkdir(parent, { recursive: true });
      const folder = await mkdtemp(join(parent, `${bench.name}-`));
      cleanUps.push(() => rm(folder, { recursive: true, force: true }));
      return folder;
    },
    defer: (cleanUp) => void cleanUps.push(cleanUp),
    takeTurns: (contestants) => takeTurns(contestants, options.rounds),
  };
  const { rounds, quick } = options;
  const head = { name: bench.name, title: bench.title, measuredAt: new Date().toISOString(), rounds, quick };
  try {
    const report = await bench.run(context);
    const tookMs = performance.now() - began;
    return { ...head, tookMs, measures: summarize(report.measures), notes: report.notes ?? [] };
  } catch (thrown) {
    const failure = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return { ...head, tookMs: performance.now() - began, measures: [], notes: [], failure };
  } finally {
    for (const cleanUp of cleanUps.reverse()) {
      await Promise.resolve(cleanUp()).catch((thrown: unknown) => console.error(`  cleaning up failed: ${thrown}`));
    }
  }
}
