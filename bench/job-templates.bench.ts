import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { testAgent, until, type AgentOptions, type TestAgent } from "#test/scenario/agent.ts";
import { measureOf, type Bench, type BenchContext, type Measure } from "./harness.ts";
import { AT_ONCE, countWrites, put, startFollowing, untilWritten } from "./templates/follow.ts";
import { manyTemplates } from "./templates/many.ts";

const EXECUTABLE = new URL("../dist/lares-linux-x64", import.meta.url).pathname;
/** Two questions of one watch begin at least this far apart. */
const APART_MS = 250;

export const bench: Bench = {
  name: "job-templates",
  title: "templates of jobs: from a change to the file, a thousand of them, a storm of changes",
  async run(context) {
    const built = existsSync(EXECUTABLE);
    const options: AgentOptions = { logLevel: "warn", ...(built ? { command: [EXECUTABLE] } : {}) };
    const agent = await testAgent(options);
    context.defer(() => agent.remove());
    const measures = [
      await keyChange(context, agent),
      await serviceChange(context, agent),
      await storm(context, agent),
    ];
    await agent.stop();
    measures.push(...(await manyTemplates(context, options)));
    const notes = [
      `The agent ran as ${built ? "the x64 executable" : "the sources (no executable was built)"}, with its state on disk; changes came over its HTTP API.`,
      "From a change's request to the renamed file, seen by inotify; `wait` off. Memory and processor time: over the same agent before it ran the templates, after free pages were given back.",
    ];
    return { measures, notes };
  },
};

const soon = { text: "≤ 30 ms", atMost: 30 };

async function keyChange(context: BenchContext, agent: TestAgent): Promise<Measure> {
  await put(agent, "/v1/kv/bench/key", "value-0");
  const folder = await startFollowing(agent, "bench-key", { text: '{{ key "bench/key" }}', wait: AT_ONCE });
  const samples: number[] = [];
  for (let round = 1; round <= 4 * context.rounds; round++) {
    await wait(APART_MS);
    const value = `value-${round}.`;
    samples.push(await untilWritten(join(folder, "out-0"), value, () => put(agent, "/v1/kv/bench/key", value)));
  }
  return measureOf(
    { name: "key changed → file written", unit: "ms", better: "less", target: soon },
    ...samples.slice(1),
  );
}

async function serviceChange(context: BenchContext, agent: TestAgent): Promise<Measure> {
  const register = (port: number): Promise<void> =>
    put(agent, "/v1/agent/service/register", JSON.stringify({ Name: "bench-service", Port: port }));
  await register(1000);
  const text = '{{ range service "bench-service" }}{{ .Address }}:{{ .Port }}.{{ end }}';
  const folder = await startFollowing(agent, "bench-service", { text, wait: AT_ONCE });
  const samples: number[] = [];
  for (let round = 1; round <= 4 * context.rounds; round++) {
    await wait(APART_MS);
    const port = 1000 + round;
    samples.push(await untilWritten(join(folder, "out-0"), `:${port}.`, () => register(port)));
  }
  return measureOf(
    { name: "service changed → file written", unit: "ms", better: "less", target: soon },
    ...samples.slice(1),
  );
}

/** A hundred changes a second, with the gathering that people write: a second of quiet, five at most. */
async function storm(context: BenchContext, agent: TestAgent): Promise<Measure> {
  const seconds = context.quick ? 15 : 60;
  await put(agent, "/v1/kv/bench/storm", "storm-0");
  const gathered = { Min: 1e9, Max: 5e9 };
  const folder = await startFollowing(agent, "bench-storm", { text: '{{ key "bench/storm" }}', wait: gathered });
  const file = join(folder, "out-0");
  const last = `storm-${100 * seconds}`;
  const writes = await countWrites(file, async () => {
    const began = performance.now();
    for (let at = 1; at <= 100 * seconds; at++) {
      await wait(Math.max(0, began + at * 10 - performance.now()));
      await put(agent, "/v1/kv/bench/storm", `storm-${at}`);
    }
    await until("the last change is in the file", () => readFileSync(file, "utf8") === last);
  });
  context.say(`${writes} writes of ${100 * seconds} changes in ${seconds} s; the file holds the last`);
  const target = { text: "≤ 60 writes a minute", atMost: 100 };
  return measureOf(
    { name: "storm of 100 changes/s: writes, of one a second", unit: "%", better: "less", target },
    (100 * writes) / seconds,
  );
}
