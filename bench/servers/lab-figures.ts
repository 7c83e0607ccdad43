import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { LabCluster, type ShownNode } from "#test/scenario/lab-cluster.ts";
import { measureOf, type BenchContext, type Measure } from "../harness.ts";
import { failOver } from "./fail-over.ts";
import { anotherThanLeads, handOver } from "./hand-over.ts";
import { apiWriter, etcdOf, perSecond, untilAnswered } from "./in-flight.ts";
import { anonymousMb, processesOf, writtenBytes } from "./processes.ts";
import { ready, takeOver } from "./take-over.ts";

/** A new cluster's rows are all written by then. */
const SETTLE_MS = 75_000;
const IDLE_MS = 60_000;
const VALUE = "v".repeat(256);
const SEEN = 100;
const EXECUTABLE = new URL("../../dist/lares-linux-x64", import.meta.url).pathname;

const ms = { unit: "ms", better: "less" } as const;

/** A lab of three servers and a client: what their users notice, and what they cost while nothing happens. */
export async function measureLab(context: BenchContext): Promise<readonly Measure[]> {
  const isBuilt = existsSync(EXECUTABLE);
  if (!isBuilt) context.say("run from source: `npm run build` makes the executable, whose memory counts");
  const lab = isBuilt ? new LabCluster([EXECUTABLE]) : new LabCluster();
  context.defer(() => lab.remove());
  const nodes = await lab.up("-servers", "3", "-clients", "1", "-docker=shared");
  const servers = nodes.filter(({ role }) => role === "server");
  await ready(servers);
  return [
    ...(await idle(context, servers)),
    ...(await writes(context, servers)),
    await seen(servers),
    ...(await handOvers(context, servers)),
    ...(await failOvers(context, { lab, servers, client: nodes.find(({ role }) => role === "client") })),
    ...(await takeOvers(context, { lab, servers, where: "apart" })),
    ...(await takeOvers(context, { lab, servers, where: "together" })),
  ];
}

async function idle(context: BenchContext, servers: readonly ShownNode[]): Promise<readonly Measure[]> {
  context.say("nothing happens for two minutes and a quarter");
  await delay(SETTLE_MS);
  const pids = servers.map(processesOf);
  const before = pids.map(writtenBytes);
  await delay(IDLE_MS);
  const perHour = pids.map((each, i) => ((writtenBytes(each) - (before[i] ?? 0)) / IDLE_MS) * 3_600_000);
  const memory = { name: "a server's agent and etcd, idle", unit: "MB", better: "less" } as const;
  return [
    measureOf({ ...memory, target: { text: "≤ 90 MB", atMost: 90 } }, ...pids.map(anonymousMb)),
    measureOf({ name: "an idle server writes to its disk, in an hour", unit: "bytes", better: "less" }, ...perHour),
  ];
}

async function writes(context: BenchContext, servers: readonly ShownNode[]): Promise<readonly Measure[]> {
  const [first] = servers;
  if (first === undefined) throw new Error("no servers");
  const etcd = await etcdOf(servers);
  const throughApi = await apiWriter(first);
  const count = context.quick ? 1000 : 4000;
  const peer = "through the API: etcd itself";
  try {
    return await context.takeTurns([
      {
        name: "through the API: writes, 64 in flight",
        unit: "ops/s",
        better: "more",
        against: peer,
        target: { text: "≥ 0.8× etcd itself", ratioAtLeast: 0.8 },
        turn: () => throughApi(count, VALUE),
      },
      {
        name: peer,
        unit: "ops/s",
        better: "more",
        peer: true,
        turn: () =>
          perSecond(count, (i) =>
            etcd.txn({ compare: [], success: [{ op: "put", key: `raw/${i}`, value: VALUE }], failure: [] }, 10_000),
          ),
      },
    ]);
  } finally {
    await etcd.close();
  }
}

async function seen(servers: readonly ShownNode[]): Promise<Measure> {
  const [one, other] = servers;
  if (one === undefined || other === undefined) throw new Error("no servers");
  const times: number[] = [];
  for (let i = 0; i < SEEN; i += 1) times.push(await untilAnswered(one, other, "bench-seen"));
  return measureOf({ ...ms, name: "a write at one server's API → another's blocking query is answered" }, ...times);
}

async function handOvers(context: BenchContext, servers: readonly ShownNode[]): Promise<readonly Measure[]> {
  const longest: number[] = [];
  let failed = 0;
  for (let i = 0; i < (context.quick ? 3 : 10); i += 1) {
    const over = await handOver(servers, await anotherThanLeads(servers));
    longest.push(over.longestMs);
    failed += over.failed;
    context.say(`handed over in ${Math.round(over.tookMs)} ms, the longest request ${Math.round(over.longestMs)} ms`);
  }
  return [
    measureOf(
      { ...ms, name: "handed over: the longest request", target: { text: "≤ 300 ms", atMost: 300 } },
      ...longest,
    ),
    measureOf(
      {
        name: "handed over: requests that failed",
        unit: "requests",
        better: "less",
        target: { text: "none", atMost: 0 },
      },
      failed,
    ),
  ];
}

interface FailedOver {
  readonly lab: LabCluster;
  readonly servers: readonly ShownNode[];
  readonly client: ShownNode | undefined;
}

async function failOvers(context: BenchContext, { lab, servers, client }: FailedOver): Promise<readonly Measure[]> {
  if (client === undefined) throw new Error("no client");
  const times = { closed: [0], silent: [0] };
  for (const how of ["closed", "silent"] as const) {
    times[how] = [];
    for (let i = 0; i < (context.quick ? 1 : 3); i += 1) times[how].push(await failOver(lab, { client, servers }, how));
    context.say(`the server that a client follows, ${how}: ${times[how].map(Math.round).join(", ")} ms`);
  }
  const name = "a client's server is gone → it answers again";
  return [
    measureOf({ ...ms, name: `${name}: closed connection`, target: { text: "< 1 s", atMost: 1000 } }, ...times.closed),
    measureOf({ ...ms, name: `${name}: silence`, target: { text: "< 5 s", atMost: 5000 } }, ...times.silent),
  ];
}

interface TakenOver {
  readonly lab: LabCluster;
  readonly servers: readonly ShownNode[];
  readonly where: "together" | "apart";
}

async function takeOvers(context: BenchContext, { lab, servers, where }: TakenOver): Promise<readonly Measure[]> {
  const written: number[] = [];
  const placed: number[] = [];
  for (let i = 0; i < context.kills; i += 1) {
    const { writesMs, placedMs } = await takeOver(lab, servers, where);
    context.say(
      `leader killed, ${where}: writes after ${Math.round(writesMs)} ms, a job after ${Math.round(placedMs)} ms`,
    );
    written.push(writesMs);
    placed.push(placedMs);
  }
  const name = `leader killed, etcd's ${where}`;
  return [
    measureOf({ ...ms, name: `${name} → writes are accepted`, target: { text: "≤ 2.5 s", atMost: 2500 } }, ...written),
    measureOf({ ...ms, name: `${name} → a new job is placed`, target: { text: "≤ 3 s", atMost: 3000 } }, ...placed),
  ];
}
