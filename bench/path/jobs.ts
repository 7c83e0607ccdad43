import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import type { TestAgent } from "#test/scenario/agent.ts";

/** A job as the API takes it. */
export interface BenchJob {
  readonly ID: string;
  readonly [field: string]: unknown;
}

export interface JobShape {
  readonly task: object;
  readonly group?: object;
}

export function jobOf(id: string, { task, group = {} }: JobShape): BenchJob {
  return {
    ID: id,
    Name: id,
    Type: "service",
    Datacenters: ["*"],
    TaskGroups: [{ Name: "g", Count: 1, Tasks: [{ Name: "t", ...task }], ...group }],
  };
}

const AllocsSchema = v.array(v.object({ ID: v.string(), ClientStatus: v.string() }));
const SummarySchema = v.object({ Summary: v.object({ g: v.object({ Running: v.number() }) }) });
const GIVE_UP_MS = 60_000;

async function register(agent: TestAgent, job: BenchJob): Promise<void> {
  const response = await fetch(`${agent.nomad}/v1/jobs`, { method: "PUT", body: JSON.stringify({ Job: job }) });
  if (response.status !== 200) throw new Error(`the job was refused: ${await response.text()}`);
}

/** Registers a job and resolves when its allocation runs, as a client sees it that blocks on the job's allocations. */
export async function untilRunning(agent: TestAgent, job: BenchJob): Promise<void> {
  await register(agent, job);
  await untilAllocs(agent, job.ID, (statuses) => statuses.includes("running"));
}

/** The same for many allocations, counted by the servers. */
export async function untilAllRunning(agent: TestAgent, job: BenchJob, count: number): Promise<void> {
  await register(agent, job);
  const deadline = performance.now() + GIVE_UP_MS;
  for (let index = "0"; performance.now() < deadline;) {
    const response = await fetch(`${agent.nomad}/v1/job/${job.ID}/summary?index=${index}&wait=10s`);
    index = response.headers.get("x-nomad-index") ?? "0";
    if (v.parse(SummarySchema, await response.json()).Summary.g.Running >= count) return;
  }
  throw new Error(`${job.ID}: fewer than ${count} tasks run after ${GIVE_UP_MS / 1000} s`);
}

/** Resolves when nothing of the job runs any more and the machine had a moment to settle. */
export async function purge(agent: TestAgent, id: string): Promise<void> {
  await fetch(`${agent.nomad}/v1/job/${id}?purge=true`, { method: "DELETE" });
  await untilAllocs(agent, id, (statuses) => !statuses.some((each) => each === "running" || each === "pending"));
  await wait(300);
}

async function untilAllocs(agent: TestAgent, id: string, hold: (statuses: string[]) => boolean): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  for (let index = "0"; performance.now() < deadline;) {
    const response = await fetch(`${agent.nomad}/v1/job/${id}/allocations?index=${index}&wait=10s`);
    index = response.headers.get("x-nomad-index") ?? "0";
    const statuses = v.parse(AllocsSchema, await response.json()).map((alloc) => alloc.ClientStatus);
    if (hold(statuses)) return;
    if (statuses.includes("failed")) throw new Error(`${id} failed: ${await whyFailed(agent, id)}`);
  }
  throw new Error(`${id} did not get there in ${GIVE_UP_MS / 1000} s`);
}

async function whyFailed(agent: TestAgent, id: string): Promise<string> {
  return JSON.stringify(await agent.get(`/v1/job/${id}/allocations`));
}
