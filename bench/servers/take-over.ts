import { setTimeout as delay } from "node:timers/promises";
import { beganAt } from "#cli/lab/lab-file.ts";
import { until } from "#test/scenario/agent.ts";
import { leaderAmong, running, type LabCluster, type ShownNode } from "#test/scenario/lab-cluster.ts";
import { stateAt } from "#test/scenario/servers/growth.ts";
import { etcdLeader, makeLead } from "./hand-over.ts";
import { processesOf } from "./processes.ts";

const PATIENCE_MS = 1000;
const PAUSE_MS = 10;
const ON = "client1";

export interface TakeOver {
  /** From the kill to the first write that another server acknowledged. */
  readonly writesMs: number;
  /** From the kill to a job's allocation, asked for at once and again until it was taken. */
  readonly placedMs: number;
}

let jobs = 0;

/**
 * Kills whoever leads, as if its machine lost power, and brings it back afterwards.
 * @param where whether etcd's leader is on the same machine
 */
export async function takeOver(
  lab: LabCluster,
  servers: readonly ShownNode[],
  where: "together" | "apart",
): Promise<TakeOver> {
  const leader = await arrange(servers, where);
  const now = (await lab.status()).find(({ name }) => name === leader.name) ?? leader;
  const others = servers.filter(({ name }) => name !== leader.name);
  const began = performance.now();
  const pids = processesOf(now);
  for (const pid of pids) process.kill(pid, "SIGKILL");
  // What is asked before they are gone may still be answered by them.
  while (pids.some((pid) => beganAt(pid) !== "")) await delay(1);
  const [writesMs, placedMs] = await Promise.all([untilWritten(others, began), untilPlaced(others, began)]);
  await lab.lab("start", leader.name);
  return { writesMs, placedMs };
}

/** Lets the machine of etcd's leader lead, or another. */
async function arrange(servers: readonly ShownNode[], where: "together" | "apart"): Promise<ShownNode> {
  for (;;) {
    const leader = await ready(servers);
    const holder = await etcdLeader(servers);
    const isTogether = leader.name === holder?.name;
    if (isTogether === (where === "together")) return leader;
    const to = servers.find(({ name }) => (name === holder?.name) === (where === "together"));
    if (to !== undefined) await makeLead(servers, to).catch(() => {});
  }
}

/** All three are well, and agree who leads. */
export async function ready(servers: readonly ShownNode[]): Promise<ShownNode> {
  let leader: ShownNode | undefined;
  const [first] = servers;
  await until("the servers are well", async () => {
    leader = await leaderAmong(servers);
    const { Members } = await stateAt(first?.http.nomad ?? "").catch(() => ({ Members: [] }));
    return leader !== undefined && Members.length === servers.length && Members.every(({ Healthy }) => Healthy);
  });
  if (leader === undefined) throw new Error("nobody leads");
  return leader;
}

let kills = 0;

async function untilWritten(servers: readonly ShownNode[], began: number): Promise<number> {
  kills += 1;
  for (let turn = 0; ; turn += 1) {
    const base = servers[turn % servers.length]?.http.consul ?? "";
    // What a key holds already is not written again.
    if ((await send(`${base}/v1/kv/after-kill`, `${kills}/${turn}`)) === "true") return performance.now() - began;
    await delay(PAUSE_MS);
  }
}

async function untilPlaced(servers: readonly ShownNode[], began: number): Promise<number> {
  jobs += 1;
  const id = `after-kill-${jobs}`;
  const body = JSON.stringify({ Job: job(id) });
  for (let turn = 0; ; turn += 1) {
    const at = servers[turn % servers.length];
    if (at === undefined) throw new Error("no servers");
    if ((await send(`${at.http.nomad}/v1/jobs`, body)) !== undefined) {
      const deadline = performance.now() + 20_000;
      while (performance.now() < deadline) {
        if ((await allocated(at, id)) || (await running(at, id)).length > 0) return performance.now() - began;
        await delay(PAUSE_MS);
      }
    }
    await delay(PAUSE_MS);
  }
}

async function allocated({ http }: ShownNode, id: string): Promise<boolean> {
  const answer = await fetch(`${http.nomad}/v1/job/${id}/allocations`, {
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).catch(() => undefined);
  const text = (await answer?.text().catch(() => "")) ?? "";
  return answer?.status === 200 && text.includes('"NodeID"');
}

/** Undefined: it was not taken. */
async function send(url: string, body: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { method: "PUT", body, signal: AbortSignal.timeout(PATIENCE_MS) });
    const text = await answer.text();
    return answer.status === 200 ? text.trim() : undefined;
  } catch {
    return undefined;
  }
}

function job(id: string): unknown {
  const task = {
    Name: "t",
    Driver: "raw_exec",
    Config: { command: "sleep", args: ["1"] },
    Resources: { CPU: 10, MemoryMB: 10 },
  };
  return {
    ID: id,
    Type: "batch",
    Datacenters: ["dc1"],
    Constraints: [{ LTarget: "${node.unique.name}", RTarget: ON, Operand: "=" }],
    TaskGroups: [{ Name: "g", Count: 1, Tasks: [task] }],
  };
}
