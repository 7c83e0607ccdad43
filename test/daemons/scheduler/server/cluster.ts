import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import type { Clock } from "#base/env/clock.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { AllocReportSchema, type Alloc, type AllocReport } from "#base/protocol/alloc.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import { NodeSchema, type Node } from "#base/protocol/node.ts";
import type { Store } from "#base/state/store.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { followView } from "#base/state/view.ts";
import { WrittenCheck } from "#base/state/written-check.ts";
import type { KnownAlloc } from "#daemons/scheduler/server/alloc-state.ts";
import { NO_ACL, type AclSettings } from "#daemons/scheduler/server/acl/acl-context.ts";
import { Keyring } from "#daemons/scheduler/server/keyring/keyring.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import { schedulerTables } from "#daemons/scheduler/server/tables.ts";

/** A job as it comes out of canonicalization, with what a test wants different. */
export function makeJob(fields: Record<string, unknown> & { groups?: Record<string, unknown>[] } = {}): Job {
  const { groups = [{}], ...rest } = fields;
  return v.parse(JobSchema, {
    ID: "app",
    Name: "app",
    Namespace: "default",
    Region: "global",
    Type: "service",
    Priority: 50,
    Datacenters: ["*"],
    NodePool: "default",
    TaskGroups: groups.map((group) => ({
      Name: "web",
      Count: 1,
      EphemeralDisk: { Sticky: false, Migrate: false, SizeMB: 300 },
      ReschedulePolicy: {
        Delay: 30e9,
        DelayFunction: "exponential",
        MaxDelay: 3600e9,
        Unlimited: true,
        Attempts: 0,
        Interval: 0,
      },
      Tasks: [{ Name: "main", Driver: "mock", Resources: { CPU: 100, MemoryMB: 300 } }],
      ...group,
    })),
    ...rest,
  });
}

export function makeNode(id: string, fields: Record<string, unknown> = {}): Node {
  return v.parse(NodeSchema, {
    ID: id,
    SecretID: `secret-${id}`,
    Name: id,
    Datacenter: "dc1",
    NodePool: "default",
    Attributes: { "kernel.name": "linux", "unique.hostname": id, "cpu.arch": "amd64" },
    NodeResources: {
      Cpu: { CpuShares: 4000, TotalCpuCores: 4, ReservableCpuCores: [0, 1, 2, 3] },
      Memory: { MemoryMB: 8192 },
      Disk: { DiskMB: 100_000 },
      Networks: [{ Mode: "host", IP: "10.0.0.1" }],
    },
    ReservedResources: {
      Cpu: { CpuShares: 0 },
      Memory: { MemoryMB: 0 },
      Disk: { DiskMB: 0 },
      Networks: { ReservedHostPorts: "" },
    },
    Drivers: { mock: { Detected: true, Healthy: true }, docker: { Detected: true, Healthy: true } },
    ...fields,
  });
}

export function makeReport(alloc: Alloc, fields: Record<string, unknown> = {}): AllocReport {
  return v.parse(AllocReportSchema, {
    AllocID: alloc.ID,
    NodeID: alloc.NodeID,
    ClientStatus: "running",
    ModifyTime: alloc.CreateTime,
    ...fields,
  });
}

/** Resolves once it holds; ava's own timeout ends a wait in vain. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A running server on a memory store, and clients that say whatever the test wants. */
export async function startCluster(
  options: {
    readonly wrap?: (store: Store) => Store;
    readonly quiet?: boolean;
    readonly acl?: Partial<AclSettings>;
    readonly clock?: Clock;
  } = {},
) {
  const real = createEnv({ logLevel: "error", logToStderr: options.quiet !== true });
  const env = options.clock === undefined ? real : { ...real, clock: options.clock };
  const memory = new MemoryStore();
  const store = options.wrap?.(memory) ?? memory;
  const view = await followView(store, schedulerTables, { check: new WrittenCheck() });
  const folder = await mkdtemp(join(tmpdir(), "lares-cluster-"));
  const keyring = new Keyring({ env, store, view, folder });
  await keyring.start();
  const acl = options.acl === undefined ? NO_ACL : { ...NO_ACL, enabled: true, resetFolder: folder, ...options.acl };
  const server = createSchedulerServer({ env, store, view, keyring, acl });
  server.start();
  const { state } = server.context;
  return {
    env,
    folder,
    store,
    view,
    server,
    state,
    /** Registers the job and waits until its evaluation was processed. */
    async run(job: Job) {
      const done = await server.jobs.register(job);
      if (!done.ok) throw new Error(done.error.message);
      await this.settled();
      return state.evaluation(job.Namespace, done.value.evalId)?.value;
    },
    /** Until the scheduler has nothing to do at once. */
    async settled(): Promise<void> {
      for (let quiet = 0; quiet < 3; quiet++) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        const { evalsReady, evalsInFlight } = server.stats();
        if (evalsReady + evalsInFlight > 0) quiet = -1;
      }
    },
    allocs(jobId = "app"): KnownAlloc[] {
      return state.jobAllocs("default", jobId);
    },
    running(jobId = "app"): Alloc[] {
      return this.allocs(jobId)
        .map(({ alloc }) => alloc)
        .filter(({ DesiredStatus }) => DesiredStatus === "run");
    },
    report(alloc: Alloc, fields: Record<string, unknown> = {}): Promise<void> {
      return server.link.report([makeReport(alloc, fields)]);
    },
    async stop(): Promise<void> {
      server.stop();
      keyring.stop();
      view.close();
      await store.close();
      env.close();
      await rm(folder, { recursive: true });
    },
  };
}
