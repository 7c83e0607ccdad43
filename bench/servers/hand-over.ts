import { setTimeout as delay } from "node:timers/promises";
import { until } from "#test/scenario/agent.ts";
import { leaderAmong, type ShownNode } from "#test/scenario/lab-cluster.ts";
import { stateAt } from "#test/scenario/servers/growth.ts";

const BEFORE_MS = 200;
const AFTER_MS = 300;
const PATIENCE_MS = 10_000;

export interface HandOver {
  /** The longest that a request of the callers took, from before the hand-over until after it. */
  readonly longestMs: number;
  /** Until the command was answered. */
  readonly tookMs: number;
  readonly failed: number;
}

/** Lets another server lead while callers of all servers write, and ask for what only the leader can do. */
export async function handOver(servers: readonly ShownNode[], to: ShownNode): Promise<HandOver> {
  let longestMs = 0;
  let failed = 0;
  let isOver = false;
  const call = async (url: string, body: string): Promise<void> => {
    const began = performance.now();
    const isDone = await fetch(url, { method: "PUT", body, signal: AbortSignal.timeout(PATIENCE_MS) }).then(
      async (answer) => (await answer.text()) !== "false" && answer.status === 200,
      () => false,
    );
    if (!isDone) failed += 1;
    longestMs = Math.max(longestMs, performance.now() - began);
  };
  const callers = servers.flatMap(({ http }, i) => [
    async () => call(`${http.consul}/v1/kv/hand-over/${i}`, "x"),
    async () => call(`${http.consul}/v1/session/create`, '{"TTL":"10s"}'),
    async () => call(`${http.nomad}/v1/system/gc`, "").then(() => delay(20)),
  ]);
  const load = callers.map(async (each) => {
    while (!isOver) await each();
  });
  await delay(BEFORE_MS);
  const began = performance.now();
  await makeLead(servers, to);
  const tookMs = performance.now() - began;
  await delay(AFTER_MS);
  isOver = true;
  await Promise.all(load);
  return { longestMs, tookMs, failed };
}

/** Throws where it does not lead afterwards. */
export async function makeLead(servers: readonly ShownNode[], to: ShownNode): Promise<void> {
  const asked = servers[0]?.http.nomad ?? "";
  const url = `${asked}/v1/operator/raft/transfer-leadership?id=${to.name}.global`;
  let text = "";
  // One that has just started is not known to all at once.
  await until(`${to.name} leads`, async () => {
    const answer = await fetch(url, { method: "PUT" });
    text = await answer.text();
    return answer.status === 200 || /leads already/.test(text);
  }).catch((thrown: unknown) => {
    throw new Error(`${to.name} does not lead: ${text}`, { cause: thrown });
  });
}

/** Whose etcd leads; undefined: none that is known. */
export async function etcdLeader(servers: readonly ShownNode[]): Promise<ShownNode | undefined> {
  const { Members } = await stateAt(servers[0]?.http.nomad ?? "").catch(() => ({ Members: [] }));
  return servers.find(({ id }) => Members.some(({ ID, Leader }) => Leader && ID === id));
}

/** A server that does not lead. */
export async function anotherThanLeads(servers: readonly ShownNode[]): Promise<ShownNode> {
  const leader = await leaderAmong(servers);
  const other = servers.find(({ name }) => name !== leader?.name);
  if (leader === undefined || other === undefined) throw new Error("nobody leads");
  return other;
}
