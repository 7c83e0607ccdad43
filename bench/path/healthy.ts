import { createSocket, type Socket } from "node:dgram";
import { createServer } from "node:http";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { freePorts } from "#test/free-ports.ts";
import type { TestAgent } from "#test/scenario/agent.ts";
import { measureOf, type BenchContext, type Measure } from "../harness.ts";
import { jobOf, purge, untilRunning } from "./jobs.ts";

/** How long a change may settle before the next one is timed: nothing that is measured waits for it. */
const SETTLE_MS = 700;
const GIVE_UP_MS = 20_000;

/** From a check that passes to the DNS answer and to HAProxy serving the instance. */
export async function healthy(context: BenchContext, agent: TestAgent): Promise<Measure[]> {
  const [port = 0] = await freePorts(1);
  const site = await startSite(context);
  const task = { Driver: "lares", Config: { role: "ingress" }, Resources: { CPU: 10, MemoryMB: 128 } };
  const group = { Networks: [{ ReservedPorts: [{ Label: "http", Value: port }] }] };
  await untilRunning(agent, jobOf("bench-ingress", { task, group }));
  await untilServes(port, "", (status) => status !== undefined);
  const socket = createSocket("udp4");
  context.defer(() => void socket.close());
  const dns: number[] = [];
  const proxied: number[] = [];
  for (let round = -1; round < context.rounds; round++) {
    const name = `bench${round + 1}`;
    await put(agent, "service/register", {
      ID: name,
      Name: name,
      Port: site,
      Address: "127.0.0.1",
      Tags: [`urlprefix-/${name}`],
      Check: { TTL: "1h" },
    });
    await wait(SETTLE_MS);
    const began = performance.now();
    const answered = untilAnswered(socket, agent.dnsPort, `${name}.service.consul`);
    const served = untilServes(port, name, (status) => status === 200);
    await put(agent, `check/pass/service:${name}`);
    const [answeredAt, servedAt] = await Promise.all([answered, served]);
    if (round >= 0) {
      dns.push(answeredAt - began);
      proxied.push(servedAt - began);
    }
    await put(agent, `service/deregister/${name}`);
    await wait(SETTLE_MS);
  }
  await purge(agent, "bench-ingress");
  const base = { unit: "ms", better: "less" } as const;
  return [
    measureOf({ ...base, name: "check passes → DNS answers", target: { text: "≤ 50 ms", atMost: 50 } }, ...dns),
    measureOf(
      { ...base, name: "check passes → HAProxy serves", target: { text: "≤ 300 ms", atMost: 300 } },
      ...proxied,
    ),
  ];
}

/** What the ingress leads to; returns its port. */
async function startSite(context: BenchContext): Promise<number> {
  const server = createServer((_request, response) => response.end("here"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

async function put(agent: TestAgent, path: string, body: object = {}): Promise<void> {
  const response = await fetch(`${agent.consul}/v1/agent/${path}`, { method: "PUT", body: JSON.stringify(body) });
  if (response.status !== 200) throw new Error(`${path}: ${await response.text()}`);
}

/** An A query for a name, as it goes over the wire (RFC 1035 section 4). */
function queryOf(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

async function untilAnswered(socket: Socket, port: number, name: string): Promise<number> {
  const query = queryOf(name);
  const deadline = performance.now() + GIVE_UP_MS;
  while (performance.now() < deadline) {
    const answers = await new Promise<number>((resolve) => {
      socket.once("message", (message: Buffer) => resolve(message.readUInt16BE(6)));
      socket.send(query, port, "127.0.0.1");
    });
    if (answers > 0) return performance.now();
    await wait(1);
  }
  throw new Error(`DNS does not know ${name}`);
}

async function untilServes(port: number, path: string, is: (status: number | undefined) => boolean): Promise<number> {
  const deadline = performance.now() + GIVE_UP_MS;
  let status: number | undefined;
  while (performance.now() < deadline) {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { headers: { connection: "close" } }).catch(
      () => undefined,
    );
    await response?.arrayBuffer();
    status = response?.status;
    if (is(status)) return performance.now();
    await wait(3);
  }
  throw new Error(`HAProxy does not serve /${path}: ${status ?? "no answer"}`);
}
