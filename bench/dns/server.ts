import { createSocket } from "node:dgram";
import dns2 from "dns2";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { put } from "#base/state/codec.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { catalogNodes, catalogServices } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { createDiscovery, discoveryTables } from "#daemons/discovery/create-discovery.ts";

/** A DNS server in a process of its own, so that its processor time is its own: `server.ts lares|dns2|echo`. */
const servers: Readonly<Record<string, () => Promise<number>>> = { lares, dns2: peer, echo };

/** A thousand services of three instances. */
const SERVICES = 1000;

async function lares(): Promise<number> {
  const env = { ...createEnv({ logToStderr: false }), log: silentLog };
  const store = new MemoryStore();
  const base = { TaggedAddresses: {}, Meta: {} };
  for (let i = 0; i < 3; i++) {
    const Node = `n${i}`;
    const node = { ...base, ID: "", Node, Address: `10.0.0.${i + 1}`, Datacenter: "dc1" };
    const services = Array.from({ length: SERVICES }, (_, n) => {
      const row = { ...base, Node, ID: `web${n}`, Service: `web${n}`, Kind: "", Tags: [], Address: "", Port: 80 };
      const value = { ...row, Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false };
      return put(catalogServices, { namespace: "_", id: `${Node}/web${n}` }, value);
    });
    await store.txn({ then: [put(catalogNodes, { namespace: "_", id: Node }, node), ...services] });
  }
  for (let i = 1; i <= 20; i++) {
    const Node = `t${i}`;
    const node = { ...base, ID: "", Node, Address: `10.1.0.${i}`, Datacenter: "dc1" };
    const row = { ...base, Node, ID: "twenty", Service: "twenty", Kind: "", Tags: [], Address: "", Port: 80 };
    const value = { ...row, Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false };
    const service = put(catalogServices, { namespace: "_", id: `${Node}/twenty` }, value);
    await store.txn({ then: [put(catalogNodes, { namespace: "_", id: Node }, node), service] });
  }
  const view = await followView(store, discoveryTables);
  const config = { nodeName: "here", nodeId: "", datacenter: "dc1", advertiseAddr: "127.0.0.1" };
  const discovery = createDiscovery({ env, store, view, config: { ...config, bindAddr: "127.0.0.1", dnsPort: 0 } });
  await discovery.start();
  return discovery.dnsAddress?.port ?? 0;
}

async function peer(): Promise<number> {
  const records = new Map(Array.from({ length: SERVICES }, (_, n) => [`web${n}.service.consul`, n]));
  const server = dns2.createServer({
    udp: true,
    handle(request, send) {
      const response = dns2.Packet.createResponseFromRequest(request);
      const name = request.questions[0]?.name ?? "";
      if (records.has(name)) {
        for (let i = 1; i <= 3; i++)
          response.answers.push({ name, type: 1, class: 1, ttl: 0, address: `10.0.0.${i}` } as any);
      }
      void send(response);
    },
  });
  const bound: any = await server.listen({ udp: { port: 0, address: "127.0.0.1" } });
  return bound.udp.port;
}

async function echo(): Promise<number> {
  const socket = createSocket("udp4");
  socket.on("message", (message, from) => socket.send(message, from.port, from.address));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return socket.address().port;
}

const start = servers[process.argv[2] ?? ""];
if (start === undefined) throw new Error("usage: server.ts lares|dns2|echo");
process.send?.({ port: await start() });
// Any message asks for the processor time so far, in microseconds.
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.on("disconnect", () => process.exit());
