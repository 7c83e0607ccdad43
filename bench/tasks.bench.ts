import { existsSync } from "node:fs";
import { createEnv } from "#base/platform/create-env.ts";
import { testAgent, type AgentOptions } from "#test/scenario/agent.ts";
import type { Bench, Measure } from "./harness.ts";
import { dockerForBench } from "./path/containers.ts";
import { crowd } from "./tasks/crowd.ts";
import { guests } from "./tasks/guests.ts";
import { output } from "./tasks/output.ts";
import { starts } from "./tasks/starts.ts";

const EXECUTABLE = new URL("../dist/lares-linux-x64", import.meta.url).pathname;

export const bench: Bench = {
  name: "tasks",
  title: "What drivers add to starts, output, stops and restarts of many tasks",
  async run(context) {
    const env = createEnv({ logLevel: "error" });
    context.defer(() => env.close());
    const alive = setInterval(() => {}, 1000);
    context.defer(() => clearInterval(alive));
    const built = existsSync(EXECUTABLE);
    const options: AgentOptions = { logLevel: "warn", ...(built ? { command: [EXECUTABLE] } : {}) };
    const withDocker = await dockerForBench(context);
    const measures: Measure[] = [];
    const add = (made: readonly Measure[]): void => {
      measures.push(...made);
      for (const { name, samples, unit } of made)
        context.say(`${name}: ${samples.map((each) => each.toFixed(1)).join(" ")} ${unit}`);
    };
    add(await starts(context, env));
    add(await guests(context, env));
    const agent = await testAgent(options);
    try {
      add(await output(context, agent, withDocker));
    } finally {
      await agent.remove();
    }
    add(await crowd(context, options, withDocker));
    return {
      measures,
      notes: [
        `The agent ran as ${built ? "the x64 executable" : "the sources (no executable was built)"}.`,
        "Starts are those of the drivers alone: from the call to the answer that the task runs. runc's is what `runc create` and `runc start` take for the same bundle.",
        "A guest is Debian's cloud kernel with a root in memory, emulated (TCG); its first line is there when it is in the task's log.",
        "Output: from the task's start until its last byte is in the rotated files; the files' numbers and sizes say that none is missing.",
      ],
    };
  },
};
