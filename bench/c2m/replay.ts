import { mkdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { createEnv } from "#base/platform/create-env.ts";
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import type { AllocReport } from "#base/protocol/alloc.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import { NodeSchema } from "#base/protocol/node.ts";
import type { ViewChange } from "#base/state/table.ts";
import { allocReports, allocs } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import { schedulerTables } from "#daemons/scheduler/server/tables.ts";

/**
 * One server with its durable store and as many simulated nodes as asked for. Jobs are registered one after the other
 * without waiting; nodes report every allocation they get as running. Prints one line of JSON when every allocation is
 * reported running and readable.
 */
const { values } = parseArgs({
  options: {
    folder: { type: "string" },
    nodes: { type: "string", default: "6100" },
    jobs: { type: "string", default: "200" },
    count: { type: "string", default: "10000" },
  },
});
const [nodeCount, jobCount, count] = [values.nodes, values.jobs, values.count].map(Number);
if (values.folder === undefined || nodeCount === undefined || jobCount === undefined || count === undefined) {
  throw new Error("usage: replay.ts --folder FOLDER [--nodes N] [--jobs N] [--count N]");
}

const env = createEnv({ logLevel: "warn" });
mkdirSync(values.folder, { recursive: true });
const store = await openSqliteStore({ folder: values.folder, log: env.log });
const view = await followView(store, schedulerTables);
const server = createSchedulerServer({ env, store, view });
server.start();

for (let at = 0; at < nodeCount; at += 500) {
  const some = Array.from({ length: Math.min(500, nodeCount - at) }, (_, i) => nodeOf(at + i));
  const answers = await Promise.all(some.map((node) => server.link.register(node)));
  for (const [i, node] of some.entries()) heartbeat(node.ID, answers[i]?.ttlMs ?? 0);
}

const total = jobCount * count;
let running = 0;
/** `[allocations running, milliseconds since the start]`, so that growth shows. */
const marks: [number, number][] = [];
const MARK_EVERY = 100_000;
let nextMark = MARK_EVERY;
const finished = Promise.withResolvers<void>();
view.onChange(reportWhatCame);
view.onChange(countRunning);

const started = performance.now();
const cpuBefore = process.cpuUsage();
for (let at = 0; at < jobCount; at++) {
  const answer = await server.jobs.register(jobOf(at), { trigger: "job-register" });
  if (!answer.ok) throw new Error(answer.error.message);
}
const registeredMs = performance.now() - started;
await finished.promise;
const elapsedMs = performance.now() - started;
const { user, system } = process.cpuUsage(cpuBefore);
process.stdout.write(
  `${JSON.stringify({ total, elapsedMs, registeredMs, cpuSeconds: (user + system) / 1e6, marks, ...memory() })}\n`,
);
process.exit(0);

/** Comes again in half of the time the server gives it. */
function heartbeat(nodeId: string, ttlMs: number): void {
  env.clock.after(ttlMs / 2, () => {
    void server.link.heartbeat(nodeId).then((answer) => heartbeat(nodeId, answer.ttlMs));
  });
}

/** As a node's client does: everything new on it is running, in one report. */
function reportWhatCame({ rows }: ViewChange): void {
  const byNode = new Map<string, AllocReport[]>();
  for (const { table, namespace, id, kind } of rows) {
    if (table !== allocs.name || kind !== "put") continue;
    const alloc = view.table(allocs).get(namespace, id)?.value;
    if (alloc === undefined || alloc.DesiredStatus !== "run") continue;
    const list = byNode.get(alloc.NodeID);
    const report = runningReport(id, alloc.NodeID);
    if (list === undefined) byNode.set(alloc.NodeID, [report]);
    else list.push(report);
  }
  for (const reports of byNode.values()) void server.link.report(reports);
}

function countRunning({ rows }: ViewChange): void {
  for (const { table } of rows) if (table === allocReports.name) running += 1;
  if (running >= total) finished.resolve();
  while (running >= nextMark) {
    marks.push([nextMark, performance.now() - started]);
    nextMark += MARK_EVERY;
  }
}

function runningReport(AllocID: string, NodeID: string): AllocReport {
  // No two tasks start in the same microsecond.
  const now = (Date.now() * 1000 + Math.floor(Math.random() * 1000)) * 1000;
  return {
    AllocID,
    NodeID,
    DeploymentID: "",
    ClientStatus: "running",
    ClientDescription: "Tasks are running",
    TaskStates: {
      task: {
        State: "running",
        Failed: false,
        Restarts: 0,
        LastRestart: 0,
        StartedAt: now,
        FinishedAt: 0,
        Events: [event("Received", now), event("Task Setup", now), event("Started", now)],
        TaskHandle: null,
      },
    },
    DeploymentStatus: null,
    NetworkStatus: null,
    UnknownSince: 0,
    ModifyTime: now,
  };
}

function event(Type: string, Time: number): AllocReport["TaskStates"][string]["Events"][number] {
  return { Type, Time, DisplayMessage: "", Details: {}, Message: "", ExitCode: 0, Signal: 0, FailsTask: false };
}

function nodeOf(at: number) {
  return v.parse(NodeSchema, {
    ID: env.random.uuid(),
    SecretID: env.random.uuid(),
    Name: `node-${at}`,
    Datacenter: "dc1",
    NodePool: "default",
    Attributes: { "kernel.name": "linux", "cpu.arch": "amd64", "driver.docker": "1" },
    Drivers: { docker: { Attributes: {}, Detected: true, Healthy: true } },
    NodeResources: {
      Cpu: { CpuShares: 64_000, TotalCpuCores: 32, ReservableCpuCores: [] },
      Memory: { MemoryMB: 262_144 },
      Disk: { DiskMB: 2_000_000 },
      Networks: [],
      NodeNetworks: [],
      MinDynamicPort: 20_000,
      MaxDynamicPort: 32_000,
    },
    ReservedResources: {
      Cpu: { CpuShares: 0, ReservedCpuCores: [] },
      Memory: { MemoryMB: 0 },
      Disk: { DiskMB: 0 },
      Networks: { ReservedHostPorts: "" },
    },
  });
}

function jobOf(at: number): Job {
  return v.parse(JobSchema, {
    ID: `job-${at}`,
    Name: `job-${at}`,
    Namespace: "default",
    Region: "global",
    Type: "service",
    Datacenters: ["dc1"],
    NodePool: "default",
    TaskGroups: [
      {
        Name: "group",
        Count: count,
        Update: { MaxParallel: 0 },
        EphemeralDisk: { SizeMB: 10 },
        Tasks: [{ Name: "task", Driver: "docker", Config: { image: "redis:7" }, Resources: { CPU: 20, MemoryMB: 20 } }],
      },
    ],
  });
}

/** In bytes, as the kernel counts them: the most this process ever held, and what it holds now. */
function memory(): { peakBytes: number; heapBytes: number } {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  globalThis.gc?.();
  return { peakBytes: Number(peak?.[1] ?? 0) * 1024, heapBytes: process.memoryUsage().heapUsed };
}
