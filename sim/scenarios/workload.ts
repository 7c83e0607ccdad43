import * as v from "valibot";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import { NodeSchema, type Node } from "#base/protocol/node.ts";

const STEADY = { run_for: "10000h" };
const FLAKY = { run_for: "4s", exit_code: 1 };

/** What the user wants of a job. */
export interface Wish {
  readonly id: string;
  readonly count: number;
  /** Its tasks fail after a few seconds. */
  readonly flaky: boolean;
  /** Default: a service that is replaced at once. */
  readonly kind?: Kind;
  /** Another one makes it another version, which only new tasks can follow. */
  readonly release?: number;
}

/** How a job is rolled out, and what becomes of it while its node is away. */
export type Kind = "rolling" | "canary" | "waited-for" | "left-alone";
export const KINDS: readonly Kind[] = ["rolling", "canary", "waited-for", "left-alone"];

const UPDATE = { MaxParallel: 1, HealthCheck: "checks", MinHealthyTime: 1e9, HealthyDeadline: 60e9 };
const UPDATES: Readonly<Record<Kind, Record<string, unknown>>> = {
  rolling: { Update: { ...UPDATE, MaxParallel: 2, ProgressDeadline: 120e9, AutoRevert: true } },
  canary: { Update: { ...UPDATE, ProgressDeadline: 120e9, Canary: 1, AutoPromote: true } },
  "waited-for": { Disconnect: { LostAfter: 30e9, Replace: true, Reconcile: "best_score" } },
  "left-alone": {
    Update: { ...UPDATE, ProgressDeadline: 0 },
    Disconnect: { LostAfter: 60e9, Replace: true, Reconcile: "keep_original" },
  },
};

/** A service whose instances each take a fifth of a {@link simNode} and a port of its own. */
export function simJob({ id, count, flaky, kind, release = 0 }: Wish): Job {
  return v.parse(JobSchema, {
    ID: id,
    Name: id,
    Namespace: "default",
    Region: "global",
    Type: "service",
    Priority: 50,
    Datacenters: ["*"],
    NodePool: "default",
    Meta: flaky ? { flaky: "true" } : {},
    TaskGroups: [
      {
        ...(kind === undefined ? {} : UPDATES[kind]),
        Name: "web",
        Count: count,
        EphemeralDisk: { Sticky: false, Migrate: false, SizeMB: 10 },
        ReschedulePolicy: {
          Delay: 5e9,
          DelayFunction: "constant",
          MaxDelay: 5e9,
          Unlimited: true,
          Attempts: 0,
          Interval: 0,
        },
        Networks: [{ DynamicPorts: [{ Label: "http" }] }],
        RestartPolicy: { Attempts: 1, Interval: 60e9, Delay: 1e9, Mode: "fail" },
        Tasks: [
          {
            Name: "main",
            Driver: "mock_driver",
            Config: flaky ? FLAKY : STEADY,
            Env: release === 0 ? {} : { release: String(release) },
            Resources: { CPU: 200, MemoryMB: 200 },
          },
        ],
      },
    ],
  });
}

export function simNode(name: string, address: string): Node {
  return v.parse(NodeSchema, {
    ID: name,
    SecretID: `secret-${name}`,
    Name: name,
    Datacenter: "dc1",
    NodePool: "default",
    Attributes: { "kernel.name": "linux", "unique.hostname": name, "cpu.arch": "amd64" },
    NodeResources: {
      Cpu: { CpuShares: 1000, TotalCpuCores: 1, ReservableCpuCores: [0] },
      Memory: { MemoryMB: 1000 },
      Disk: { DiskMB: 10_000 },
      Networks: [{ Mode: "host", IP: address }],
    },
    ReservedResources: {
      Cpu: { CpuShares: 0 },
      Memory: { MemoryMB: 0 },
      Disk: { DiskMB: 0 },
      Networks: { ReservedHostPorts: "" },
    },
    Drivers: { mock_driver: { Detected: true, Healthy: true } },
  });
}
