import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import { freePorts, testAgent, type TestAgent } from "#test/scenario/agent.ts";
import { measureOf, timeMs, type Bench, type BenchContext, type Measure } from "./harness.ts";

/** From a job to a running task, and from a healthy check to those who ask. */
export const bench: Bench = {
  name: "path",
  title: "From a submitted job to a running task, from a healthy check to DNS and HAProxy",
  async run(context) {
    const image = imageForBench();
    const executable = new URL("../dist/lares-linux-x64", import.meta.url).pathname;
    const command = existsSync(executable) ? { command: [executable] } : {};
    const agent = await testAgent({ ...command, logLevel: "warn", config: "" });
    context.defer(() => agent.remove());
    const measures: Measure[] = [];
    measures.push(await rawExec(context, agent));
    if (image !== undefined) measures.push(...(await docker(context, agent, image)));
    measures.push(...(await healthy(context, agent)));
    measures.push(...(await thousandTasks(context, agent)));
    const shape = "command" in command ? "the x64 executable" : "the sources (no executable was built)";
    const missing = image === undefined ? ["No Docker engine with an image to run: that row is missing."] : [];
    return { measures, notes: [`The agent ran as ${shape}, with state on disk.`, ...missing] };
  },
};

/** A job as the API takes it. */
interface BenchJob {
  readonly ID: string;
  readonly [field: string]: unknown;
}

const AllocsSchema = v.array(v.object({ ID: v.string(), ClientStatus: v.string() }));

/** Registers a job and resolves when its allocations run, as a client that blocks sees it. */
async function untilRunning(agent: TestAgent, job: BenchJob, count = 1): Promise<void> {
  const body = JSON.stringify({ Job: job });
  const registered = await fetch(`${agent.nomad}/v1/jobs`, { method: "PUT", body });
  if (registered.status !== 200) throw new Error(`the job was refused: ${await registered.text()}`);
  let index = "0";
  for (let i = 0; i < 10_000; i++) {
    const response = await fetch(`${agent.nomad}/v1/job/${job.ID}/allocations?index=${index}&wait=10s`);
    index = response.headers.get("x-nomad-index") ?? "0";
    const allocs = v.parse(AllocsSchema, await response.json());
    if (allocs.filter((alloc) => alloc.ClientStatus === "running").length >= count) return;
    if (allocs.some((alloc) => alloc.ClientStatus === "failed")) throw new Error(JSON.stringify(allocs));
  }
  throw new Error(`${job.ID} did not run`);
}

async function purge(agent: TestAgent, id: string): Promise<void> {
  await fetch(`${agent.nomad}/v1/job/${id}?purge=true`, { method: "DELETE" });
  await wait(300);
}

function jobOf(id: string, task: object, count = 1): BenchJob {
  return {
    ID: id,
    Name: id,
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [{ Name: "g", Count: count, Tasks: [{ Name: "t", ...task }] }],
  };
}

async function rawExec(context: BenchContext, agent: TestAgent): Promise<Measure> {
  const samples: number[] = [];
  for (let round = -1; round < context.rounds; round++) {
    const task = {
      Driver: "raw_exec",
      Config: { command: "/bin/sleep", args: ["1000"] },
      Resources: { CPU: 10, MemoryMB: 16 },
    };
    const took = await timeMs(() => untilRunning(agent, jobOf("bench-raw", task)));
    if (round >= 0) samples.push(took);
    await purge(agent, "bench-raw");
  }
  return measureOf(
    {
      name: "job submitted → raw_exec task running",
      unit: "ms",
      better: "less",
      target: { text: "≤ 60 ms", atMost: 60 },
    },
    ...samples,
  );
}

function imageForBench(): string | undefined {
  const listed = spawnSync("docker", ["image", "ls", "-q", "lares-hello:1"], { encoding: "utf8" });
  return listed.status === 0 && listed.stdout.trim() !== "" ? "lares-hello:1" : undefined;
}

async function docker(context: BenchContext, agent: TestAgent, image: string): Promise<Measure[]> {
  const ours: number[] = [];
  const plain: number[] = [];
  for (let round = -1; round < context.rounds; round++) {
    const name = `lares-bench-${process.pid}`;
    const alone = await timeMs(() => spawnSync("docker", ["run", "-d", "--name", name, image]));
    spawnSync("docker", ["rm", "-f", name]);
    const task = { Driver: "docker", Config: { image }, Resources: { CPU: 10, MemoryMB: 32 } };
    const through = await timeMs(() => untilRunning(agent, jobOf("bench-docker", task)));
    await purge(agent, "bench-docker");
    if (round < 0) continue;
    plain.push(alone);
    ours.push(through);
  }
  const over = ours.map((took, at) => took - (plain[at] ?? 0));
  return [
    measureOf({ name: "docker run -d", unit: "ms", better: "less", peer: true }, ...plain),
    measureOf(
      { name: "job submitted → container running", unit: "ms", better: "less", against: "docker run -d" },
      ...ours,
    ),
    measureOf(
      {
        name: "… above docker run -d of the same round",
        unit: "ms",
        better: "less",
        target: { text: "≤ 100 ms", atMost: 100 },
      },
      ...over,
    ),
  ];
}

/** An A query for a name, as it goes over the wire (RFC 1035 section 4). */
function queryOf(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

async function healthy(context: BenchContext, agent: TestAgent): Promise<Measure[]> {
  const [port = 0, site = 0] = await freePorts(2);
  const put = async (path: string, body: object = {}): Promise<void> => {
    const response = await fetch(`${agent.consul}/v1/agent/${path}`, { method: "PUT", body: JSON.stringify(body) });
    if (response.status !== 200) throw new Error(`${path}: ${await response.text()}`);
  };
  const ingress = jobOf("bench-ingress", {
    Driver: "lares",
    Config: { role: "ingress" },
    Resources: { CPU: 10, MemoryMB: 64 },
  });
  const groups = Object.assign(ingress, {
    TaskGroups: [
      {
        Name: "g",
        Count: 1,
        Networks: [{ ReservedPorts: [{ Label: "http", Value: port }] }],
        Tasks: [{ Name: "t", Driver: "lares", Config: { role: "ingress" }, Resources: { CPU: 10, MemoryMB: 64 } }],
      },
    ],
  });
  await untilRunning(agent, groups);
  const dns: number[] = [];
  const proxied: number[] = [];
  const socket = createSocket("udp4");
  context.defer(() => void socket.close());
  for (let round = -1; round < context.rounds; round++) {
    const name = `bench${round + 1}`;
    await put("service/register", {
      ID: name,
      Name: name,
      Port: site,
      Address: "127.0.0.1",
      Tags: [`urlprefix-/${name}`],
      Check: { TTL: "1h" },
    });
    await wait(500);
    const began = performance.now();
    const answered = untilAnswered(socket, agent.dnsPort, `${name}.service.consul`);
    const served = untilServed(port, name);
    await put(`check/pass/service:${name}`);
    const [dnsAt, servedAt] = await Promise.all([answered, served]);
    if (round >= 0) {
      dns.push(dnsAt - began);
      proxied.push(servedAt - began);
    }
    await put(`service/deregister/${name}`);
  }
  await purge(agent, "bench-ingress");
  return [
    measureOf(
      { name: "check passes → DNS answers", unit: "ms", better: "less", target: { text: "≤ 50 ms", atMost: 50 } },
      ...dns,
    ),
    measureOf(
      { name: "check passes → HAProxy serves", unit: "ms", better: "less", target: { text: "≤ 300 ms", atMost: 300 } },
      ...proxied,
    ),
  ];
}

async function untilAnswered(socket: ReturnType<typeof createSocket>, port: number, name: string): Promise<number> {
  const query = queryOf(name);
  for (;;) {
    const answers = await new Promise<number>((resolve) => {
      socket.once("message", (message: Buffer) => resolve(message.readUInt16BE(6)));
      socket.send(query, port, "127.0.0.1");
    });
    if (answers > 0) return performance.now();
    await wait(1);
  }
}

/** Nothing listens behind the route: HAProxy's own 503 instead of its 404 says that the route is there. */
async function untilServed(port: number, path: string): Promise<number> {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { headers: { connection: "close" } }).catch(
      () => undefined,
    );
    await response?.text();
    if (response?.status === 503) return performance.now();
    await wait(3);
  }
}

const TASKS = 1000;

async function thousandTasks(context: BenchContext, agent: TestAgent): Promise<Measure[]> {
  await wait(2000);
  const before = anonymousKb(agent.pid());
  const task = { Driver: "mock", Config: { run_for: "1h" }, Resources: { CPU: 1, MemoryMB: 10 } };
  const took = await timeMs(() => untilRunning(agent, jobOf("bench-many", task, TASKS), TASKS));
  await wait(5000);
  const perTask = (anonymousKb(agent.pid()) - before) / TASKS;
  context.say(`${TASKS} mock tasks: ${Math.round(took)} ms, ${perTask.toFixed(1)} KB each`);
  await purge(agent, "bench-many");
  return [
    measureOf(
      {
        name: "1,000 mock tasks on one node, all running",
        unit: "ms",
        better: "less",
        target: { text: "≤ 10 s", atMost: 10_000 },
      },
      took,
    ),
    measureOf(
      { name: "… agent memory of each", unit: "KB", better: "less", target: { text: "≤ 20 KB", atMost: 20 } },
      perTask,
    ),
  ];
}

function anonymousKb(pid: number): number {
  return Number(/^Anonymous:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
}
