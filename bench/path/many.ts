import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { type AgentOptions, testAgent } from "#test/scenario/agent.ts";
import { measureOf, timeMs, type BenchContext, type Measure } from "../harness.ts";
import { jobOf, untilAllRunning } from "./jobs.ts";

const TASKS = 1000;
const ROUNDS = 3;
/** An agent gives back what a burst took once it is idle: by now. */
const SETTLE_MS = 20_000;
const GIVE_BACK_MS = 45_000;

/** A thousand tasks on an agent that has run nothing before: how long until all run, and what its memory grows by. */
export async function manyTasks(context: BenchContext, options: AgentOptions): Promise<Measure[]> {
  const took: number[] = [];
  const perTask: number[] = [];
  for (let round = 0; round < (context.quick ? 1 : ROUNDS); round++) {
    const agent = await testAgent(options);
    try {
      await wait(SETTLE_MS);
      const before = anonymousKb(agent.pid());
      took.push(await timeMs(() => untilAllRunning(agent, manyJob(), TASKS)));
      await wait(GIVE_BACK_MS);
      perTask.push((anonymousKb(agent.pid()) - before) / TASKS);
      context.say(`${TASKS} tasks: ${took.at(-1)?.toFixed(0)} ms, ${perTask.at(-1)?.toFixed(1)} KB each`);
    } finally {
      await agent.remove();
    }
  }
  const base = { better: "less" } as const;
  const within = { text: "≤ 10 s", atMost: 10_000 };
  return [
    measureOf({ ...base, unit: "ms", name: "1,000 mock tasks on one node, all running", target: within }, ...took),
    measureOf(
      { ...base, unit: "KB", name: "… agent memory of each", target: { text: "≤ 20 KB", atMost: 20 } },
      ...perTask,
    ),
  ];
}

function manyJob(): ReturnType<typeof jobOf> {
  const task = {
    Driver: "mock_driver",
    Config: { run_for: "1h" },
    Resources: { CPU: 1, MemoryMB: 10 },
    LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 },
  };
  return jobOf("bench-many", { task, group: { Count: TASKS, EphemeralDisk: { SizeMB: 10 } } });
}

function anonymousKb(pid: number): number {
  return Number(/^Anonymous:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
}
