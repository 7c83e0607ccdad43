import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import * as v from "valibot";
import { measureOf, type Bench } from "./harness.ts";

const run = promisify(execFile);
const NODES = 6100;
const JOBS = 200;
const COUNT = 10_000;
const QUICK_JOBS = 10;
/** The state of two million allocations, and room for what is collected. */
const HEAP_MB = 5200;
const TIMEOUT_MS = 20 * 60_000;

const ReplaySchema = v.object({
  total: v.number(),
  elapsedMs: v.number(),
  cpuSeconds: v.number(),
  peakBytes: v.number(),
  heapBytes: v.number(),
  marks: v.array(v.tuple([v.number(), v.number()])),
});

/** HashiCorp's two million containers on 6,100 nodes (https://www.hashicorp.com/c2m), with one server and simulated nodes. */
export const bench: Bench = {
  name: "c2m",
  title: "Two million allocations on 6,100 simulated nodes, one server, durable",
  async run(context) {
    const jobs = context.quick ? QUICK_JOBS : JOBS;
    const folder = join(await context.tempDir(), "state");
    context.say(`${jobs} jobs of ${COUNT} allocations`);
    const { stdout } = await run(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        `--max-old-space-size=${HEAP_MB}`,
        "--max-semi-space-size=64",
        "--expose-gc",
        new URL("./c2m/replay.ts", import.meta.url).pathname,
        `--folder=${folder}`,
        `--nodes=${NODES}`,
        `--jobs=${jobs}`,
        `--count=${COUNT}`,
      ],
      { timeout: TIMEOUT_MS },
    );
    const replay = v.parse(v.pipe(v.string(), v.parseJson(), ReplaySchema), stdout);
    const whole = !context.quick;
    return {
      measures: [
        measureOf(
          {
            name: `${replay.total} allocations reported running`,
            unit: "ms",
            better: "less",
            ...(whole ? { target: { text: "≤ 120,000 ms", atMost: 120_000 } } : {}),
          },
          replay.elapsedMs,
        ),
        measureOf(
          {
            name: "most memory the server held",
            unit: "MB",
            better: "less",
            ...(whole ? { target: { text: "≤ 6,000 MB", atMost: 6000 } } : {}),
          },
          replay.peakBytes / 1e6,
        ),
        measureOf({ name: "live heap at the end", unit: "MB", better: "less" }, replay.heapBytes / 1e6),
      ],
      notes: [
        `The clock runs from the first registration until the last report of a running task can be read. The nodes live in the server's process and cost its two processors too: ${replay.cpuSeconds.toFixed(0)} s of processor time in all.`,
        `Milliseconds for each further 100,000: ${pace(replay.marks)}.`,
        `Node ran with --max-old-space-size=${HEAP_MB} --max-semi-space-size=64: its own limits are made for less.`,
        "HashiCorp's replay took 22 min 14 s on three large servers and real machines; only the scheduler and its state are alike.",
      ],
    };
  },
};

function pace(marks: readonly (readonly [number, number])[]): string {
  return marks.map(([, ms], at) => Math.round(ms - (marks[at - 1]?.[1] ?? 0))).join(", ");
}
