import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { dockerForTests } from "#scripts/test/docker.ts";
import { makeTestImage } from "#test/drivers/test-image.ts";
import type { TestAgent } from "#test/scenario/agent.ts";
import { measureOf, timeMs, type BenchContext, type Measure } from "../harness.ts";
import { jobOf, purge, untilRunning } from "./jobs.ts";

const IMAGE = "lares-bench:1";

/** A running Docker engine, or one of our own for the time of the bench, with an image of this machine's shell. False: none can run here. */
export async function dockerForBench(context: BenchContext): Promise<boolean> {
  const docker = await dockerForTests();
  context.defer(() => docker.stop());
  const before = process.env["DOCKER_HOST"];
  Object.assign(process.env, docker.env);
  context.defer(() => {
    if (before === undefined) delete process.env["DOCKER_HOST"];
  });
  try {
    makeTestImage(IMAGE, docker.env, ["/usr/bin/yes", "/usr/bin/head"]);
  } catch {
    return false;
  }
  context.defer(() => void spawnSync("docker", ["image", "rm", "-f", IMAGE]));
  return true;
}

export async function containers(context: BenchContext, agent: TestAgent): Promise<Measure[]> {
  const ours: number[] = [];
  const plain: number[] = [];
  for (let round = -1; round < context.rounds; round++) {
    const name = `lares-bench-${process.pid}`;
    const alone = await timeMs(() => docker("run", "-d", "--name", name, IMAGE, "/bin/sleep", "1000"));
    await docker("rm", "-f", name);
    const task = {
      Driver: "docker",
      Config: { image: IMAGE, command: "/bin/sleep", args: ["1000"] },
      Resources: { CPU: 10, MemoryMB: 32 },
      // sleep, as the first process of its container, is deaf to any other.
      KillSignal: "SIGKILL",
    };
    const through = await timeMs(() => untilRunning(agent, jobOf("bench-docker", { task })));
    await purge(agent, "bench-docker");
    if (round < 0) continue;
    plain.push(alone);
    ours.push(through);
  }
  const over = ours.map((took, at) => took - (plain[at] ?? 0));
  const base = { unit: "ms", better: "less" } as const;
  const target = { text: "≤ docker run -d + 100 ms", atMost: 100 };
  return [
    measureOf({ ...base, name: "docker run -d", peer: true }, ...plain),
    measureOf({ ...base, name: "job submitted → container running", against: "docker run -d" }, ...ours),
    measureOf({ ...base, name: "… above docker run -d of the same round", target }, ...over),
  ];
}

async function docker(...args: string[]): Promise<void> {
  const child = spawn("docker", args, { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`docker ${args.join(" ")} ended with ${code}`);
}
