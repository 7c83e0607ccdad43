import { execFile } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import * as v from "valibot";
import { testAgent, type AgentOptions, type TestAgent } from "#test/scenario/agent.ts";
import { measureOf, timeMs, type BenchContext, type Measure } from "../harness.ts";
import { jobOf, purge, untilAllRunning } from "../path/jobs.ts";
import { readUsage } from "../start/usage.ts";

const run = promisify(execFile);
const IMAGE = "lares-bench:1";
const SETTLE_MS = 45_000;
const IDLE_MS = 30_000;
const IDLE_SAMPLES = 5;
const POLITE = ["-c", "trap 'exit 0' TERM; sleep 100000 & wait $!"];
const MetricsSchema = v.object({ Gauges: v.array(v.looseObject({ Name: v.string(), Value: v.number() })) });

/** Many tasks on one node: the agent's restart, its memory, and a stop of many containers. */
export async function crowd(context: BenchContext, options: AgentOptions, withDocker: boolean): Promise<Measure[]> {
  const agent = await testAgent(options);
  try {
    const measures: Measure[] = [];
    if (withDocker) measures.push(...(await stops(context, agent)));
    const docker = withDocker ? 200 : 0;
    context.say(`starting ${docker} containers and ${1000 - docker} processes`);
    await untilAllRunning(
      agent,
      many("bench-raw", 1000 - docker, { Driver: "raw_exec", Config: SLEEP }),
      1000 - docker,
    );
    if (withDocker) {
      // The engine starts a few a second.
      for (let batch = 0; batch < 4; batch++)
        await untilAllRunning(agent, many(`bench-docker-${batch}`, 50, containerTask(SLEEP)), 50);
    }
    measures.push(...(await cost(context, agent)), await restart(agent));
    for (const id of ["bench-raw", ...(withDocker ? [0, 1, 2, 3].map((batch) => `bench-docker-${batch}`) : [])])
      await purge(agent, id).catch((thrown: unknown) => context.say(String(thrown)));
    return measures;
  } finally {
    await agent.remove();
  }
}

const SLEEP = { command: "/bin/sleep", args: ["100000"] };

function containerTask(config: object): object {
  return { Driver: "docker", Config: { image: IMAGE, ...config }, KillSignal: "SIGKILL" };
}

function many(id: string, count: number, task: object) {
  const whole = { ...task, Resources: { CPU: 1, MemoryMB: 10 }, LogConfig: { MaxFiles: 1, MaxFileSizeMB: 1 } };
  return jobOf(id, { task: whole, group: { Count: count, EphemeralDisk: { SizeMB: 10 } } });
}

async function cost(context: BenchContext, agent: TestAgent): Promise<Measure[]> {
  await wait(SETTLE_MS);
  // The engine goes on giving memory back for a minute or two after a thousand starts.
  const cpu: number[] = [];
  let after = readUsage(agent.pid());
  for (let sample = 0; sample < IDLE_SAMPLES; sample++) {
    const before = after;
    await wait(IDLE_MS);
    after = readUsage(agent.pid());
    cpu.push(((after.cpuMs - before.cpuMs) / IDLE_MS) * 100);
  }
  context.say(`memory ${(after.anonymousBytes / 1e6).toFixed(1)} MB`);
  const memory = { text: "≤ 100 MB", atMost: 100 };
  const base = { better: "less" } as const;
  return [
    measureOf(
      { ...base, unit: "MB", name: "agent with 1,000 tasks: anonymous memory", target: memory },
      after.anonymousBytes / 1e6,
    ),
    measureOf({ ...base, unit: "%", name: "… idle CPU, of one core", target: { text: "≤ 3 %", atMost: 3 } }, ...cpu),
  ];
}

/** A crash, and the time from the next start until its client watches all of them. */
async function restart(agent: TestAgent): Promise<Measure> {
  await agent.kill();
  const took = await timeMs(async () => {
    await agent.start();
    while ((await supervised(agent)) < 1000) await wait(20);
  });
  const target = { text: "≤ 3 s", atMost: 3000 };
  return measureOf(
    { name: "agent killed and started: 1,000 tasks supervised", unit: "ms", better: "less", target },
    took,
  );
}

async function supervised(agent: TestAgent): Promise<number> {
  const parsed = v.safeParse(MetricsSchema, await agent.get("/v1/metrics"));
  if (!parsed.success) return 0;
  return parsed.output.Gauges.find(({ Name }) => Name === "nomad.client.allocations.running")?.Value ?? 0;
}

/** A hundred containers that end when they are told to: through the scheduler, and by the engine's own client. */
async function stops(context: BenchContext, agent: TestAgent): Promise<Measure[]> {
  const polite = {
    Driver: "docker",
    Config: { image: IMAGE, command: "/bin/sh", args: POLITE },
    KillSignal: "SIGTERM",
  };
  const names = Array.from({ length: 100 }, (_, at) => `lares-bench-stop-${process.pid}-${at}`);
  context.say("starting two hundred containers to stop");
  for (const name of names) await run("docker", ["run", "-d", "--name", name, IMAGE, "/bin/sh", ...POLITE]);
  const plain = await timeMs(() => run("docker", ["stop", ...names]));
  await run("docker", ["rm", "-f", ...names]);
  const batches = [0, 1].map((batch) => `bench-stop-${batch}`);
  for (const id of batches) await untilAllRunning(agent, many(id, 50, polite), 50);
  const ours = await timeMs(() => Promise.all(batches.map((id) => purge(agent, id))));
  const base = { unit: "ms", better: "less" } as const;
  const peer = "docker stop of 100 containers";
  const target = { text: "≤ 1.2× docker stop", ratioAtMost: 1.2 };
  return [
    measureOf({ ...base, name: peer, peer: true }, plain),
    measureOf({ ...base, name: "stop of 100 containers", against: peer, target }, ours),
  ];
}
