import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createEtcdClient, type EtcdClient } from "#base/platform/etcd/etcd-client.ts";
import { stateAt } from "#test/scenario/servers/growth.ts";
import type { ShownNode } from "#test/scenario/lab-cluster.ts";
import { Connection } from "../api/client.ts";

/** Requests on their way at one time. */
export const IN_FLIGHT = 64;

/** How many a second are done; `work` is told which of the {@link IN_FLIGHT} it is. */
export async function perSecond(count: number, work: (i: number, lane: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const began = performance.now();
  const run = async (lane: number): Promise<void> => {
    while (next < count) await work(next++, lane);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, lane) => run(lane)));
  return (count / (performance.now() - began)) * 1000;
}

/** Writes through a server's HTTP API, a connection for each of those in flight. */
export async function apiWriter({ http }: ShownNode): Promise<(count: number, value: string) => Promise<number>> {
  const { hostname, port } = new URL(http.consul);
  const lanes = await Promise.all(Array.from({ length: IN_FLIGHT }, () => Connection.open(Number(port), hostname)));
  return (count, value) =>
    perSecond(count, async (i, lane) => {
      const answer = await lanes[lane]?.ask("PUT", `/v1/kv/bench/${i}`, value);
      if (answer?.status !== 200) throw new Error(`a write was answered with ${answer?.status}`);
    });
}

/** Etcd itself, asked as a server asks it: at the member that leads, with the server's certificate. */
export async function etcdOf(servers: readonly ShownNode[]): Promise<EtcdClient> {
  const [first] = servers;
  const { Members } = await stateAt(first?.http.nomad ?? "");
  const leading = servers.find(({ id }) => Members.some(({ ID, Leader }) => Leader && ID === id)) ?? first;
  if (leading === undefined) throw new Error("no servers");
  const pem = (name: string): string => readFileSync(join(leading.dataDir, "cluster", `etcd-${name}.pem`), "utf8");
  return createEtcdClient({
    endpoints: [`https://${new URL(leading.http.nomad).hostname}:2379`],
    tls: { ca: pem("ca"), cert: pem("cert"), key: pem("key") },
  });
}

/** From the call of a write at one server to the answer of a blocking query at another that shows it. */
export async function untilAnswered(writer: ShownNode, reader: ShownNode, key: string): Promise<number> {
  const url = `${reader.http.consul}/v1/kv/${key}`;
  const before = await fetch(`${url}?consistent`);
  await before.text();
  const index = before.headers.get("x-consul-index") ?? "1";
  const waiting = fetch(`${url}?index=${index}&wait=30s`).then(async (answer) => {
    await answer.text();
    return performance.now();
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const began = performance.now();
  await (await fetch(`${writer.http.consul}/v1/kv/${key}`, { method: "PUT", body: String(began) })).text();
  return (await waiting) - began;
}
