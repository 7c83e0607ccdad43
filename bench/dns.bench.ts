import { fork, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { MessageWriter } from "#base/protocol/dns/writer.ts";
import { AgentServiceDefinitionSchema } from "#base/protocol/catalog.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { followView } from "#base/state/view.ts";
import { createDiscovery, discoveryTables } from "#daemons/discovery/create-discovery.ts";
import * as v from "valibot";
import { timeMs, type Bench, type BenchContext } from "./harness.ts";

const IN_FLIGHT = 64;

/** Wanted: a check turns healthy → DNS answers within 50 ms. And what an answer costs, beside a bare socket. */
export const bench: Bench = {
  name: "dns",
  title: "Service names in DNS",
  async run(context) {
    const queries = context.quick ? 5000 : 30_000;
    const lares = await serverOf(context, "lares");
    const echo = await serverOf(context, "echo");
    const dns2 = await serverOf(context, "dns2");
    const dnsmasq = await dnsmasqOf(context);
    const row = { unit: "µs", better: "less" } as const;
    const measures = await context.takeTurns([
      {
        name: "check passes → A record",
        unit: "ms",
        better: "less",
        target: { text: "≤ 50 ms", atMost: 50 },
        turn: await healthTurn(context),
      },
      { name: "processor time a query: node:dgram echo", ...row, peer: true, turn: () => echo.cost(queries) },
      {
        name: "processor time a query: lares, 3 of 3000 instances",
        ...row,
        against: "processor time a query: node:dgram echo",
        turn: () => lares.cost(queries),
      },
      {
        name: "processor time a query: dnsmasq, one plain name",
        ...row,
        peer: true,
        turn: () => dnsmasq.cost(queries),
      },
      {
        name: "processor time a query: lares, 20 instances",
        ...row,
        against: "processor time a query: dnsmasq, one plain name",
        target: { text: "≤ 1.2 × dnsmasq's", ratioAtMost: 1.2 },
        turn: () => lares.cost(queries, ["twenty.service.consul"]),
      },
      {
        name: "processor time a query: dns2, a fixed table",
        ...row,
        peer: true,
        against: "processor time a query: lares, 3 of 3000 instances",
        turn: () => dns2.cost(queries),
      },
    ]);
    return { measures, notes: [`${queries} A queries a turn over loopback, ${IN_FLIGHT} in flight`] };
  },
};

async function serverOf(context: BenchContext, kind: string) {
  const child = fork(new URL("dns/server.ts", import.meta.url), [kind], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  context.defer(() => child.disconnect());
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  const cpuUs = async (): Promise<number> => {
    child.send("cpu");
    const [{ cpuUs: used }] = (await once(child, "message")) as [{ cpuUs: number }];
    return used;
  };
  return {
    async cost(queries: number, names = THOUSAND): Promise<number> {
      const before = await cpuUs();
      await askMany(port, { queries, names });
      return ((await cpuUs()) - before) / queries;
    },
  };
}

/** dnsmasq with one name in a file, and what the kernel says of its processor time. */
async function dnsmasqOf(context: BenchContext) {
  const folder = await context.tempDir();
  await writeFile(`${folder}/hosts`, "10.0.0.1 plain.test\n");
  const port = await freePort();
  const words = ["-k", "-R", "-h", "--bind-interfaces", "-a", "127.0.0.1", "-C", "/dev/null", "-u", "root"];
  const argv = [...words, "-p", String(port), "-H", `${folder}/hosts`, "--pid-file="];
  const child = spawn("dnsmasq", argv, { stdio: "inherit" });
  context.defer(() => void child.kill());
  await setTimeout(500);
  const cpuUs = async (): Promise<number> => {
    const fields = (await readFile(`/proc/${child.pid}/stat`, "utf8")).split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  };
  return {
    async cost(queries: number): Promise<number> {
      const before = await cpuUs();
      await askMany(port, { queries, names: ["plain.test"] });
      return ((await cpuUs()) - before) / queries;
    },
  };
}

/** Below those the kernel gives to clients: dnsmasq wants TCP too, where a closed connection still holds its port. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

const THOUSAND = Array.from({ length: 1000 }, (_, n) => `web${n}.service.consul`);

/** Sends queries for names in turn, a window of them at a time; a lost one is sent again. */
async function askMany(
  port: number,
  { queries, names }: { readonly queries: number; readonly names: readonly string[] },
): Promise<void> {
  const packets = names.map(question);
  const socket = createSocket("udp4");
  let [sent, answered, before] = [0, 0, -1];
  await new Promise<void>((resolve) => {
    const ask = (): void => socket.send(packets[sent++ % packets.length]!, port, "127.0.0.1");
    const lost = setInterval(() => {
      if (answered === before) ask();
      before = answered;
    }, 200);
    socket.on("message", () => {
      answered += 1;
      if (answered < queries) return ask();
      clearInterval(lost);
      resolve();
    });
    for (let i = 0; i < IN_FLIGHT; i++) ask();
  });
  socket.close();
}

/** A TTL check is reported as passing; the time until DNS, asked in a row, gives the address. */
async function healthTurn(context: BenchContext): Promise<() => Promise<number>> {
  const env = { ...createEnv({ logToStderr: false }), log: silentLog };
  const store = new MemoryStore();
  const view = await followView(store, discoveryTables);
  const base = { nodeName: "here", nodeId: "", datacenter: "dc1", advertiseAddr: "127.0.0.1" };
  const discovery = createDiscovery({ env, store, view, config: { ...base, bindAddr: "127.0.0.1", dnsPort: 0 } });
  await discovery.start();
  await discovery.registry.register(v.parse(AgentServiceDefinitionSchema, { Name: "web", Check: { TTL: "1h" } }));
  const socket = createSocket("udp4");
  context.defer(async () => {
    socket.close();
    await discovery.stop();
    view.close();
  });
  const port = discovery.dnsAddress?.port ?? 0;
  const packet = question("web.service.consul");
  const answers = async (): Promise<number> => {
    socket.send(packet, port, "127.0.0.1");
    const [reply] = (await once(socket, "message")) as [Buffer];
    return reply.readUInt16BE(6);
  };
  const check = discovery.agent.state.checks.get("service:web");
  return async () => {
    check?.runner.heartbeat("critical", "");
    while ((await answers()) > 0);
    return timeMs(async () => {
      check?.runner.heartbeat("passing", "");
      while ((await answers()) === 0);
    });
  };
}

function question(name: string): Uint8Array {
  const writer = new MessageWriter();
  writer.start({ id: 7, flags: 0x0100 });
  writer.question({ name: name.split("."), type: 1, class: 1 });
  return writer.finish().slice();
}
