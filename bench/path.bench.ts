import { existsSync } from "node:fs";
import { testAgent, type AgentOptions, type TestAgent } from "#test/scenario/agent.ts";
import { measureOf, timeMs, type Bench, type BenchContext, type Measure } from "./harness.ts";
import { containers, dockerForBench } from "./path/containers.ts";
import { healthy } from "./path/healthy.ts";
import { jobOf, purge, untilRunning } from "./path/jobs.ts";
import { manyTasks } from "./path/many.ts";

const EXECUTABLE = new URL("../dist/lares-linux-x64", import.meta.url).pathname;

export const bench: Bench = {
  name: "path",
  title: "from a submitted job to a running task, from a healthy check to DNS and HAProxy",
  async run(context) {
    const built = existsSync(EXECUTABLE);
    const options: AgentOptions = { logLevel: "warn", ...(built ? { command: [EXECUTABLE] } : {}) };
    const withDocker = await dockerForBench(context);
    const agent = await testAgent(options);
    context.defer(() => agent.remove());
    const measures = [
      await rawExec(context, agent),
      ...(withDocker ? await containers(context, agent) : []),
      ...(await healthy(context, agent)),
    ];
    await agent.stop();
    measures.push(...(await manyTasks(context, options)));
    const notes = [
      `The agent ran as ${built ? "the x64 executable" : "the sources (no executable was built)"}, with its state on disk; a task runs when a blocking query of the job's allocations says so.`,
      "Memory of a task: growth of the agent's anonymous memory by a thousand of them, from an agent that has run nothing to 45 s after all run.",
    ];
    return { measures, notes: withDocker ? notes : [...notes, "No Docker engine can run here: its rows are missing."] };
  },
};

async function rawExec(context: BenchContext, agent: TestAgent): Promise<Measure> {
  const task = {
    Driver: "raw_exec",
    Config: { command: "/bin/sleep", args: ["1000"] },
    Resources: { CPU: 10, MemoryMB: 16 },
  };
  const samples: number[] = [];
  for (let round = -1; round < context.rounds; round++) {
    const took = await timeMs(() => untilRunning(agent, jobOf("bench-raw", { task })));
    if (round >= 0) samples.push(took);
    await purge(agent, "bench-raw");
  }
  const target = { text: "≤ 60 ms", atMost: 60 };
  return measureOf({ name: "job submitted → raw_exec task running", unit: "ms", better: "less", target }, ...samples);
}
