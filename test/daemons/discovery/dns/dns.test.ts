import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { promisify } from "node:util";
import test from "ava";
import dns2 from "dns2";
import fc from "fast-check";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { put } from "#base/state/codec.ts";
import { catalogNodes, catalogServices } from "#base/state/tables.ts";
import { systemClock } from "#base/platform/clock.ts";
import { readMessage } from "#base/protocol/dns/message.ts";
import { FLAG, RCODE, TYPE } from "#base/protocol/dns/record.ts";
import { MessageWriter } from "#base/protocol/dns/writer.ts";
import { Coordinates } from "#daemons/discovery/catalog/coordinates.ts";
import { Responder } from "#daemons/discovery/dns/responder.ts";
import { reverseAddress } from "#daemons/discovery/dns/reverse-name.ts";
import { Zone } from "#daemons/discovery/dns/zone.ts";
import { readZoneName } from "#daemons/discovery/dns/zone-name.ts";
import type { DnsConfig } from "#daemons/discovery/config.ts";
import { call, startNode, until } from "../node.ts";

const run = promisify(execFile);

async function dig(port: number, ...words: string[]): Promise<string> {
  const { stdout } = await run("dig", ["@127.0.0.1", "-p", String(port), "+time=10", "+tries=3", ...words]);
  return stdout.trim();
}

/** A node with three web instances on other nodes, one of them warning, a fourth critical. */
async function startZone(t: { teardown(release: () => unknown): void }, dns: DnsConfig = {}) {
  const node = await startNode(t, { dns, altDomain: "Home.Arpa", nodeMeta: { "rfc1035-txt": "plain", room: "attic" } });
  const states = ["passing", "passing", "warning", "critical"];
  for (const [i, Status] of states.entries()) {
    await call(`${node.url}/v1/catalog/register`, "PUT", {
      Node: `Node-${i}`,
      Address: `10.0.0.${i + 1}`,
      Service: {
        Service: "Web",
        Tags: i === 0 ? ["Primary", "a.b"] : ["secondary"],
        Port: 8000 + i,
        Weights: { Passing: 7, Warning: 3 },
      },
      Check: { Name: "up", Status, ServiceID: "Web" },
    });
  }
  return node;
}

function query(name: string, type: number, options: { id?: number; flags?: number; edns?: number } = {}): Uint8Array {
  const writer = new MessageWriter();
  writer.start({ id: options.id ?? 7, flags: options.flags ?? FLAG.RD });
  writer.question({ name: name.split("."), type, class: 1 });
  if (options.edns !== undefined) writer.edns({ udpSize: options.edns, extendedRcode: 0, dnssecOk: false });
  return writer.finish().slice();
}

/** Sends bytes, resolves with the reply, or with nothing after a question that must be answered was. */
async function ask(port: number, packet: Uint8Array): Promise<Buffer | undefined> {
  const socket = createSocket("udp4");
  try {
    const replies: Buffer[] = [];
    const probe = query("consul", TYPE.SOA, { id: 0xbeef });
    const done = new Promise<void>((resolve) => {
      socket.on("message", (message) => {
        if (message.readUInt16BE(0) === 0xbeef) resolve();
        else replies.push(message);
      });
    });
    socket.send(packet, port, "127.0.0.1");
    socket.send(probe, port, "127.0.0.1");
    await done;
    return replies[0];
  } finally {
    socket.close();
  }
}

const own = {
  datacenter: "dc1",
  domain: "consul",
  nodeName: "node-a",
  queries: { resolve: () => undefined },
  coordinates: new Coordinates(),
};

test("names of services, nodes and addresses, as dig asks for them", async (t) => {
  const { dnsPort: port } = await startZone(t);
  const short = async (...words: string[]) => (await dig(port, "+short", ...words)).split("\n").toSorted();
  t.deepEqual(await short("web.service.consul"), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
  t.deepEqual(await short("WEB.Service.dc1.CONSUL"), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
  t.deepEqual(await short("web.service.dc1.dc.consul"), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
  t.deepEqual(await short("primary.web.service.consul"), ["10.0.0.1"]);
  t.deepEqual(await short("a.b.web.service.consul"), ["10.0.0.1"]);
  t.deepEqual(await short("_web._primary.service.consul", "SRV"), [
    "1 7 8000 node-0.node.dc1.consul.".replace("node-0", "Node-0"),
  ]);
  t.deepEqual(await short("_web._tcp.consul", "SRV"), [
    "1 3 8002 Node-2.node.dc1.consul.",
    "1 7 8000 Node-0.node.dc1.consul.",
    "1 7 8001 Node-1.node.dc1.consul.",
  ]);
  t.deepEqual(await short("node-1.node.consul"), ["10.0.0.2"]);
  t.deepEqual(await short("node-a.node.dc1.consul", "TXT"), ['"consul-network-segment="', '"plain"', '"room=attic"']);
  t.deepEqual(await short("0a000063.addr.consul"), ["10.0.0.99"]);
  t.deepEqual(await short("20010db8000000000000000000000001.addr.dc1.consul", "AAAA"), ["2001:db8::1"]);
  t.deepEqual(await short("-x", "10.0.0.2"), ["Node-1.node.dc1.consul."]);
  t.deepEqual(await short("consul", "NS"), ["node-a.node.dc1.consul."]);
  t.regex((await short("consul", "SOA"))[0] ?? "", /^ns\.consul\. hostmaster\.consul\. \d+ 3600 600 86400 0$/);
  t.deepEqual(await short("ns.consul"), ["127.0.0.1"]);
});

test("nothing, nowhere and not ours are told apart", async (t) => {
  const { dnsPort: port } = await startZone(t);
  const status = async (...words: string[]) => /status: (\w+)/.exec(await dig(port, ...words))?.[1];
  t.is(await status("none.service.consul"), "NXDOMAIN");
  t.is(await status("web.service.elsewhere.consul"), "NXDOMAIN");
  t.is(await status("none.node.consul"), "NXDOMAIN");
  t.is(await status("q.query.consul"), "NXDOMAIN");
  t.is(await status("service.consul"), "NXDOMAIN");
  t.is(await status("nonsense.consul"), "NXDOMAIN");
  t.is(await status("missing.web.service.consul"), "NXDOMAIN");
  t.is(await status("web.service.consul", "AAAA"), "NOERROR");
  t.is(await status("web.service.consul", "MX"), "NOERROR");
  t.is(await status("example.com"), "REFUSED");
  t.is(await status("xconsul"), "REFUSED");
  t.regex(await dig(port, "consul", "AXFR"), /Transfer failed/);
  t.is(await status("consul", "CH", "TXT"), "REFUSED");
  const empty = await dig(port, "web.service.consul", "AAAA");
  t.regex(empty, /ANSWER: 0, AUTHORITY: 1/);
  t.regex(empty, /SOA/);
  t.regex(empty, /flags: qr aa rd;/);
});

test("SRV answers bring their addresses, over TCP and UDP", async (t) => {
  const { dnsPort: port } = await startZone(t);
  for (const transport of ["+tcp", "+notcp"]) {
    const answer = await dig(port, transport, "web.service.consul", "SRV");
    t.regex(answer, /ANSWER: 3, AUTHORITY: 0, ADDITIONAL: 4/);
    t.regex(answer, /Node-0\.node\.dc1\.consul\.\s+0\s+IN\s+A\s+10\.0\.0\.1/);
  }
});

test("another implementation of DNS gets the same answers", async (t) => {
  const { dnsPort: port } = await startZone(t);
  const resolve = dns2.UDPClient({ dns: "127.0.0.1", port });
  const answer = await resolve("web.service.consul", "SRV");
  t.deepEqual(answer.answers.map((one: any) => String(one.port)).toSorted(), ["8000", "8001", "8002"]);
  t.is(answer.additionals.length >= 3, true);
  const tcp = dns2.TCPClient({ dns: "127.0.0.1", port });
  t.is((await tcp("node-1.node.consul", "A")).answers[0]?.address, "10.0.0.2");
});

test("options: time to live, only passing, an alternative domain", async (t) => {
  const dns = { serviceTtl: { "we*": 30, web: 5, "*": 60 }, nodeTtl: 9, onlyPassing: true };
  const { dnsPort: port } = await startZone(t, dns);
  t.regex(await dig(port, "web.service.consul"), /web\.service\.consul\.\s+5\s+IN\s+A/);
  t.regex(await dig(port, "node-0.node.consul"), /\s9\s+IN\s+A/);
  t.deepEqual((await dig(port, "+short", "web.service.consul")).split("\n").toSorted(), ["10.0.0.1", "10.0.0.2"]);
  t.regex(await dig(port, "consul.service.consul"), /\s60\s+IN\s+A/);
  t.regex(await dig(port, "web.service.home.arpa", "SRV"), /Node-0\.node\.dc1\.home\.arpa\./);
});

test("small and hostile packets", async (t) => {
  const { dnsPort: port } = await startZone(t);
  const rcode = async (packet: Uint8Array) => {
    const reply = await ask(port, packet);
    return reply === undefined ? "silence" : reply.readUInt16BE(2) & 15;
  };
  const good = query("web.service.consul", TYPE.A);
  t.is(await rcode(good), RCODE.NOERROR);
  t.is(await rcode(Uint8Array.of()), "silence");
  t.is(await rcode(good.subarray(0, 11)), "silence");
  t.is(await rcode(query("web.service.consul", TYPE.A, { flags: FLAG.QR })), "silence");
  t.is(await rcode(query("web.service.consul", TYPE.A, { flags: 5 << 11 })), RCODE.NOTIMP);
  t.is(await rcode(good.subarray(0, good.length - 1)), RCODE.FORMERR);
  t.is(await rcode(Buffer.concat([good, Buffer.from([0])])), RCODE.FORMERR);
  const two = Buffer.from(good);
  two.writeUInt16BE(2, 4);
  t.is(await rcode(two), RCODE.FORMERR);
  const none = Buffer.from(good.subarray(0, 12));
  none.writeUInt16BE(0, 4);
  t.is(await rcode(none), RCODE.FORMERR);
  const loop = Buffer.from(good);
  loop.writeUInt16BE(0xc00c, 12);
  t.is(await rcode(loop), RCODE.FORMERR);
  t.is(await rcode(query("consul", TYPE.OPT)), RCODE.REFUSED);
  const version1 = Buffer.from(query("consul", TYPE.SOA, { edns: 1232 }));
  version1[version1.length - 5] = 1;
  const badVersion = readMessage((await ask(port, version1)) ?? new Uint8Array());
  t.is(badVersion?.header.flags === undefined ? -1 : badVersion.header.flags & 15, 0);
  t.is(Math.floor((badVersion?.additionals[0]?.ttl ?? 0) / 0x1000000), 1, "extended rcode 16: BADVERS");
  const mixed = query("wEb.SERVICE.consul", TYPE.A);
  const echoed = await ask(port, mixed);
  t.deepEqual(echoed?.subarray(12, mixed.length), Buffer.from(mixed.subarray(12)));
});

test("answers are cut to what the client can take", async (t) => {
  const { view, env } = await startNode(t, {}, { store: await manyInstances(60) });
  const zone = (dns: DnsConfig) => new Zone({ view, random: env.random, clock: systemClock, ...own, dns });
  const reply = (packet: Uint8Array, dns: DnsConfig = {}, transport: "udp" | "tcp" = "udp") => {
    const response = new Responder(zone(dns), dns).respond(packet, transport);
    if (response.kind !== "reply") throw new Error(response.kind);
    return { size: response.bytes.length, message: readMessage(response.bytes) };
  };
  const a = reply(query("many.service.consul", TYPE.A));
  t.is(a.message?.answers.length, 3);
  t.is((a.message?.header.flags ?? 0) & FLAG.TC, 0);
  t.not(
    (reply(query("many.service.consul", TYPE.A), { enableTruncate: true }).message?.header.flags ?? 0) & FLAG.TC,
    0,
  );
  t.is(reply(query("many.service.consul", TYPE.A), { udpAnswerLimit: 100 }).message?.answers.length, 8);
  const srv = reply(query("many.service.consul", TYPE.SRV, { edns: 1232 }), { enableTruncate: true });
  t.true(srv.size <= 1232 && srv.size > 1000);
  t.not((srv.message?.header.flags ?? 0) & FLAG.TC, 0);
  t.is(srv.message?.additionals.length, (srv.message?.answers.length ?? 0) + 1);
  t.true(reply(query("many.service.consul", TYPE.SRV, { edns: 65_535 })).size <= 4096);
  const tcp = reply(query("many.service.consul", TYPE.SRV), {}, "tcp");
  t.is(tcp.message?.answers.length, 60);
  t.is(reply(query("many.service.consul", TYPE.A), { aRecordLimit: 2 }, "tcp").message?.answers.length, 2);
  const orders = new Set(
    Array.from({ length: 20 }, () => JSON.stringify(reply(query("many.service.consul", TYPE.A)).message?.answers)),
  );
  t.true(orders.size > 1, "answers are shuffled");
});

test("no packet is answered with more than it may, or breaks the responder", async (t) => {
  const { view, env } = await startNode(t, {}, { store: await manyInstances(5) });
  const zone = new Zone({ view, random: env.random, clock: systemClock, ...own, dns: {} });
  const responder = new Responder(zone, {});
  const real = [
    query("many.service.consul", TYPE.SRV, { edns: 4096 }),
    query("consul", TYPE.ANY),
    query("1.0.0.10.in-addr.arpa", TYPE.PTR),
  ];
  const bent = fc
    .tuple(
      fc.constantFrom(...real),
      fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
      fc.nat(400),
    )
    .map(([packet, edits, length]) => {
      const copy = packet.slice();
      for (const [at, to] of edits) if (at < copy.length) copy[at] = to;
      return copy.subarray(0, length);
    });
  fc.assert(
    fc.property(
      fc.oneof(bent, fc.uint8Array({ maxLength: 200 })),
      fc.constantFrom("udp" as const, "tcp" as const),
      (packet, transport) => {
        const response = responder.respond(packet, transport);
        if (response.kind !== "reply") return;
        const message = readMessage(response.bytes);
        t.truthy(message);
        t.is(message?.header.id, (packet[0]! << 8) | packet[1]!);
        t.not((message?.header.flags ?? 0) & FLAG.QR, 0);
        if (transport === "udp") t.true(response.bytes.length <= 4096);
      },
    ),
    { numRuns: 3000 },
  );
});

test("TCP takes questions in pieces and in a row, and closes on nonsense", async (t) => {
  const { dnsPort: port } = await startZone(t);
  const socket = connect(port, "127.0.0.1");
  t.teardown(() => socket.destroy());
  await once(socket, "connect");
  const one = query("node-0.node.consul", TYPE.A, { id: 1 });
  const two = query("node-1.node.consul", TYPE.A, { id: 2 });
  const framed = Buffer.concat([Buffer.from([0, one.length]), one, Buffer.from([0, two.length]), two]);
  const received: Buffer[] = [];
  socket.on("data", (data) => received.push(Buffer.from(data)));
  socket.write(framed.subarray(0, 5));
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.write(framed.subarray(5));
  await until(() => Buffer.concat(received).includes(Buffer.from([10, 0, 0, 2])), "both answers");
  socket.write(Buffer.from([0xff, 0xff]));
  await once(socket, "close");
  t.pass();
});

test("foreign names go to the recursors, in order, and come back under their own number", async (t) => {
  const upstream = dns2.createServer({
    udp: true,
    tcp: true,
    handle(request: any, send: any) {
      const response = dns2.Packet.createResponseFromRequest(request);
      const [question] = request.questions;
      response.answers.push({ name: question.name, type: TYPE.A, class: 1, ttl: 30, address: "192.0.2.7" } as any);
      send(response);
    },
  });
  const bound: any = await upstream.listen({
    udp: { port: 0, address: "127.0.0.1" },
    tcp: { port: 0, address: "127.0.0.1" },
  });
  t.teardown(() => upstream.close());
  const recursors = [`127.0.0.1:9`, `127.0.0.1:${bound.udp.port}`];
  const { dnsPort: port } = await startZone(t, { recursors, recursorTimeoutMs: 5000 });
  t.is(await dig(port, "+short", "www.example.com"), "192.0.2.7");
  t.regex(await dig(port, "web.service.consul"), /flags: qr aa rd ra;/);
  const broken = await startZone(t, { recursors: ["127.0.0.1:9"], recursorTimeoutMs: 50 });
  t.regex(await dig(broken.dnsPort, "www.example.com"), /SERVFAIL/);
});

test("zone names", (t) => {
  const read = (name: string) => readZoneName(name === "" ? [] : name.split("."));
  t.deepEqual(read(""), { kind: "apex" });
  t.like(read("web.service"), { kind: "service", service: "web", tag: "", datacenter: "" });
  t.like(read("service.service"), { kind: "service", service: "service" });
  t.like(read("t.web.service.dc1"), { service: "web", tag: "t", datacenter: "dc1" });
  t.like(read("_web._udp"), { service: "web", tag: "", datacenter: "" });
  t.like(read("_web._http.dc1"), { service: "web", tag: "http", datacenter: "dc1" });
  t.like(read("a.b.node.dc1"), { kind: "node", node: "a.b", datacenter: "dc1" });
  t.like(read("zz.addr"), { kind: "unknown" });
  t.like(read("web.connect"), { kind: "unknown" });
  t.is(reverseAddress("1.2.3.4.in-addr.arpa".split(".")), "4.3.2.1");
  t.is(reverseAddress("300.2.3.4.in-addr.arpa".split(".")), undefined);
  t.is(reverseAddress(`1.${"0.".repeat(31)}ip6.arpa`.split(".")), "::1");
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("service", "node", "addr", "dc", "dc1", "_x", "_tcp", "web", "ns", "0a000001"), {
        maxLength: 7,
      }),
      (labels) => {
        t.truthy(readZoneName(labels).kind);
      },
    ),
  );
});

/** A store with instances of `many`, on nodes of their own. */
async function manyInstances(count: number) {
  const store = new MemoryStore();
  for (let i = 0; i < count; i++) {
    const Node = `n${i}`;
    const base = { TaggedAddresses: {}, Meta: {} };
    await store.txn({
      then: [
        put(
          catalogNodes,
          { namespace: "_", id: Node },
          { ...base, ID: "", Node, Address: `10.1.0.${i + 1}`, Datacenter: "dc1" },
        ),
        put(
          catalogServices,
          { namespace: "_", id: `${Node}/many` },
          {
            ...base,
            Node,
            ID: "many",
            Kind: "",
            Service: "many",
            Tags: [],
            Address: "",
            Port: 80,
            Weights: { Passing: 1, Warning: 1 },
            EnableTagOverride: false,
          },
        ),
      ],
    });
  }
  return store;
}

test("a burst of questions is answered, each under its number, and a change is seen by the next one", async (t) => {
  const { dnsPort, url } = await startZone(t);
  const socket = createSocket("udp4");
  t.teardown(() => socket.close());
  const heard = new Map<number, number>();
  socket.on("message", (message) => heard.set(message.readUInt16BE(0), message.readUInt16BE(6)));
  const packets = Array.from({ length: 300 }, (_, id) => query("web.service.consul", TYPE.A, { id, edns: 1232 }));
  await until(() => {
    // A kernel may drop what comes too fast.
    for (const [id, packet] of packets.entries()) if (!heard.has(id)) socket.send(packet, dnsPort, "127.0.0.1");
    return new Promise((resolve) => setTimeout(() => resolve(heard.size === packets.length), 20));
  }, "every question to be answered");
  t.deepEqual([...new Set(heard.values())], [3]);
  await call(`${url}/v1/catalog/deregister`, "PUT", { Node: "Node-0" });
  const reply = await ask(dnsPort, query("web.service.consul", TYPE.A, { id: 7, edns: 1232 }));
  t.is(reply?.readUInt16BE(6), 2);
});
