import { createSocket } from "node:dgram";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { Env } from "#base/env/env.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { LeaseName } from "#base/protocol/lease-name.ts";
import { QUERY_STATUS } from "#daemons/dns/query-record.ts";
import { ODD_QUESTIONS, said } from "./odd-questions.ts";
import { startUnbound } from "./unbound.ts";
import { a, addressesOf, cname, dig, questionPacket, raw, rcodeOf, soa, startUpstream, startWorld } from "./world.ts";

test("names of the house are answered here, with every type, alias and reverse name", async (t) => {
  const upstream = await startUpstream(t, () => ({ answers: [] }));
  const records = [
    { name: "nas.lan", type: "A", value: "192.168.1.5" },
    { name: "nas.lan", type: "AAAA", value: "fd00::5" },
    { name: "files.lan", type: "CNAME", value: "nas.lan" },
    { name: "_smb._tcp.lan", type: "SRV", value: "0 5 445 nas.lan" },
    { name: "lan", type: "MX", value: "10 nas.lan" },
    { name: "about.lan", type: "TXT", value: "hello world" },
    { name: "*.dev.lan", type: "A", value: "192.168.1.9" },
  ];
  const world = await startWorld(t, { settings: { upstream: { servers: [upstream.address] }, local: { records } } });
  t.deepEqual(addressesOf(await world.ask("NAS.lan")), ["192.168.1.5"]);
  t.deepEqual(addressesOf(await world.ask("nas")), ["192.168.1.5"]);
  t.deepEqual(addressesOf(await world.ask("files.lan", 28)), ["fd00::5"]);
  t.deepEqual(addressesOf(await world.ask("a.b.dev.lan")), ["192.168.1.9"]);
  t.is((await dig(world.port, "+short", "_smb._tcp.lan", "SRV")).trim(), "0 5 445 nas.lan.");
  t.is((await dig(world.port, "+short", "about.lan", "TXT")).trim(), '"hello world"');
  t.is((await dig(world.port, "+short", "-x", "192.168.1.5")).trim(), "nas.lan.");
  t.is((await dig(world.port, "+short", "-x", "fd00::5")).trim(), "nas.lan.");
  t.is(rcodeOf(await world.ask("nobody.lan")), 3);
  t.is(rcodeOf(await world.ask("5.0.168.192.in-addr.arpa", 12)), 3);
  t.deepEqual(addressesOf(await world.ask("localhost")), ["127.0.0.1"]);
  t.deepEqual(upstream.asked, []);
  t.true(world.records.every(({ status }) => status === QUERY_STATUS.local));
});

test("what others know is asked for once, kept, and counted down", async (t) => {
  const upstream = await startUpstream(t, (name) =>
    name === "none.example" ? { rcode: 3, authorities: [soa("example")] } : { answers: [a(name, "203.0.113.7", 100)] },
  );
  const world = await startWorld(t, { settings: { upstream: { servers: [upstream.address] } } });
  const [first, second] = await Promise.all([world.ask("www.example"), world.ask("WWW.example")]);
  t.deepEqual([addressesOf(first), addressesOf(second)], [["203.0.113.7"], ["203.0.113.7"]]);
  t.deepEqual(second.questions[0]?.name, ["WWW", "example"]);
  const third = await world.ask("www.example");
  t.true((third.answers[0]?.ttl ?? 0) <= 100);
  t.is(rcodeOf(await world.ask("none.example")), 3);
  t.is(rcodeOf(await world.ask("none.example")), 3);
  // A busy machine may make it ask a server again that is only slow.
  t.is(new Set(upstream.asked.map((each) => each.toLowerCase())).size, 2);
  const statuses = world.records.map(({ status }) => status);
  t.is(statuses.filter((status) => status === QUERY_STATUS.cached).length, 2);
  t.is(world.records[0]?.upstream, upstream.address);
});

test("lists, rules, presets and special names are blocked, for whom they are meant", async (t) => {
  const upstream = await startUpstream(t, (name) =>
    name === "hidden.example"
      ? { answers: [cname(name, "x.doubleclick.net"), a("x.doubleclick.net", "203.0.113.1")] }
      : { answers: [a(name, "203.0.113.7")] },
  );
  const settings = {
    upstream: { servers: [upstream.address] },
    lists: [{ id: 1, url: "sample:ads" }],
    rules: [
      { id: 2, kind: "deny", match: "exact", text: "bad.example" },
      { id: 3, kind: "deny", match: "regex", text: "^ad[0-9]+[.];reply=nxdomain" },
      { id: 4, kind: "allow", match: "exact", text: "good.doubleclick.net" },
      { id: 5, kind: "deny", match: "regex", text: "^v6[.];querytype=AAAA;reply=nodata" },
    ],
    groups: [{ id: 7, name: "children", services: ["tiktok"], safeSearch: true }],
    clients: [{ id: 1, match: "127.0.0.0/8", groups: [0, 7] }],
  };
  const world = await startWorld(t, { settings });
  const blocked = async (name: string, type = 1) => {
    const answer = await world.ask(name, type);
    return [rcodeOf(answer), ...addressesOf(answer)];
  };
  t.deepEqual(await blocked("x.doubleclick.net"), [0, "0.0.0.0"]);
  t.deepEqual(await blocked("doubleclick.net", 28), [0, "::"]);
  t.deepEqual(await blocked("notdoubleclick.net"), [0, "203.0.113.7"]);
  t.deepEqual(await blocked("good.doubleclick.net"), [0, "203.0.113.7"]);
  t.deepEqual(await blocked("bad.example"), [0, "0.0.0.0"]);
  t.deepEqual(await blocked("sub.bad.example"), [0, "203.0.113.7"]);
  t.deepEqual(await blocked("ad9.example"), [3]);
  t.deepEqual(await blocked("v6.example"), [0, "203.0.113.7"]);
  t.deepEqual(await blocked("v6.example", 28), [0]);
  t.deepEqual(await blocked("www.tiktok.com"), [0, "0.0.0.0"]);
  t.deepEqual(await blocked("hidden.example"), [0, "0.0.0.0"]);
  t.deepEqual(await blocked("hidden.example"), [0, "0.0.0.0"]);
  t.deepEqual(await blocked("use-application-dns.net"), [3]);
  const safe = await world.ask("www.google.com");
  t.deepEqual(safe.answers[0]?.data, { kind: "CNAME", target: ["forcesafesearch", "google", "com"] });
  t.deepEqual(addressesOf(safe), ["203.0.113.7"]);
  t.regex(await dig(world.port, "bad.example"), /EDE: 15 \(Blocked\)/);
  const of = (name: string) => world.records.find((record) => record.name === name);
  t.like(of("x.doubleclick.net"), { status: QUERY_STATUS.blockedList, ruleId: 1 });
  t.like(of("bad.example"), { status: QUERY_STATUS.blockedRule, ruleId: 2 });
  t.like(of("ad9.example"), { status: QUERY_STATUS.blockedRegex, ruleId: 3 });
  t.like(of("hidden.example"), { status: QUERY_STATUS.blockedCname, ruleId: 1 });
  t.like(of("www.tiktok.com"), { status: QUERY_STATUS.blockedService });
  t.like(of("www.google.com"), { status: QUERY_STATUS.rewritten });
  await world.change({ blocking: { pausedUntilMs: Date.now() + 60_000 } });
  t.deepEqual(await blocked("x.doubleclick.net"), [0, "203.0.113.7"]);
  await world.change({ blocking: { mode: "nxdomain" } });
  t.deepEqual(await blocked("x.doubleclick.net"), [3]);
});

test("packets of every hostile kind get what a resolver gives them, or nothing", async (t) => {
  const upstream = await startUpstream(t, (name) => ({ answers: [a(name, "203.0.113.7")] }));
  const world = await startWorld(t, { settings: { upstream: { servers: [upstream.address] } } });
  const question = questionPacket("www.example", 1);
  const changed = (change: (packet: Uint8Array) => void, from = question): Uint8Array => {
    const packet = from.slice();
    change(packet);
    return packet;
  };
  const set = (at: number, ...bytes: readonly number[]) => changed((packet) => packet.set(bytes, at));
  const rcode = async (packet: Uint8Array) => {
    const reply = await world.raw(packet);
    return reply === undefined ? undefined : (reply[3] ?? 0) & 15;
  };
  t.is(await rcode(set(2, 0x80)), undefined, "an answer, reflected");
  t.is(await rcode(question.subarray(0, 11)), undefined, "less than a header");
  t.is(await rcode(set(2, 0x20)), 4, "an update");
  t.is(await rcode(set(2, 0x10)), 4, "a status question");
  t.is(await rcode(set(4, 0, 0)), 1, "no question");
  t.is(await rcode(set(4, 0, 2)), 1, "two questions");
  t.is(await rcode(set(6, 0, 1)), 1, "an answer in a question");
  t.is(await rcode(set(12, 0xc0, 12)), 1, "a name that points at itself");
  t.is(await rcode(set(12, 64)), 1, "a label of 64 bytes");
  t.is(await rcode(question.subarray(0, question.length - 1)), 1, "cut");
  t.is(await rcode(Buffer.concat([question, Buffer.from([0])])), 1, "longer than it says");
  for (const type of [252, 251, 255, 253, 41, 0]) t.is(await rcode(questionPacket("example", type)), 5, `type ${type}`);
  t.is(await rcode(changed((packet) => packet.set([0, 3], packet.length - 2))), 5, "class CH");
  t.is(await rcode(questionPacket("www.example", 1, { flags: 0 })), 5, "no recursion wanted");
  const edns = questionPacket("www.example", 1, { edns: { udpSize: 4096 } });
  const badVersion = await world.raw(changed((packet) => packet.set([1], packet.length - 5), edns));
  t.is(badVersion?.[badVersion.length - 6], 1, "EDNS version 1: BADVERS");
  t.is(await rcode(Buffer.concat([edns, edns.subarray(edns.length - 11)])), 1, "two OPT, one counted");
  t.regex(await dig(world.port, "+cookie=0102030405060708", "www.example"), /COOKIE: 0102030405060708[0-9a-f]{32} /);
  t.regex(await dig(world.port, "+norecurse", "localhost"), /status: NOERROR/);
});

test("mutated packets never stop the server", async (t) => {
  const upstream = await startUpstream(t, (name) => ({ answers: [a(name, "203.0.113.7")] }));
  const settings = {
    upstream: { servers: [upstream.address] },
    rules: [{ id: 1, kind: "deny", match: "regex", text: "b" }],
  };
  const world = await startWorld(t, { settings });
  const seeds = [
    questionPacket("www.example", 28, { edns: { udpSize: 1232 } }),
    questionPacket("localhost", 1),
    questionPacket("b.x", 65),
  ];
  const socket = createSocket("udp4");
  t.teardown(() => void socket.close());
  let state = 12_345;
  const random = (bound: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state % bound;
  };
  for (let n = 0; n < 20_000; n++) {
    const packet = Buffer.from(seeds[random(seeds.length)] ?? []);
    for (let changes = random(4); changes >= 0; changes--) packet[random(packet.length)] = random(256);
    socket.send(packet.subarray(0, 1 + random(packet.length)), world.port, "127.0.0.1");
    if (n % 200 === 0) await world.ask("localhost");
  }
  t.deepEqual(addressesOf(await world.ask("localhost")), ["127.0.0.1"]);
});

test("a client that floods is refused, then not heard, and others are served", async (t) => {
  const system = createEnv({ logToStderr: false });
  // Loopback has no limit, so the flood comes from an address of another interface, as the server sees it.
  const net: Env["net"] = {
    ...system.net,
    serve: (at, answer, options) =>
      system.net.serve(
        at,
        (data, from, out) => answer(data, { host: data[1] === 0x34 ? "192.168.9.9" : from.host, port: from.port }, out),
        options,
      ),
  };
  const world = await startWorld(t, { settings: { limits: { rateCount: 5 } }, env: { net } });
  const codes: (number | undefined)[] = [];
  for (let n = 0; n < 22; n++) {
    const reply = await world.raw(questionPacket("localhost", 1));
    codes.push(reply === undefined ? undefined : (reply[3] ?? 0) & 15);
  }
  t.deepEqual(codes.slice(0, 5), [0, 0, 0, 0, 0]);
  t.deepEqual(codes.slice(5, 20), new Array<number>(15).fill(5));
  t.deepEqual(codes.slice(20), [undefined, undefined]);
  const limited = world.records.filter(({ status }) => status === QUERY_STATUS.rateLimited);
  t.deepEqual([...new Set(limited.map(({ client }) => client))], ["192.168.9.9"]);
  t.is(limited.length, 15);
  const other = questionPacket("localhost", 1);
  other[1] = 0x99;
  t.not(await world.raw(other), undefined);
  await world.change({ limits: { allowFrom: ["10.0.0.0/8"] } });
  t.is(((await world.raw(questionPacket("localhost", 1)))?.[3] ?? 0) & 15, 5);
});

test("names of leases and nodes come and go; services are asked of the cluster", async (t) => {
  const consul = await startUpstream(t, (name) =>
    name.endsWith("web.service.consul") ? { answers: [a(name, "10.0.0.8")] } : { rcode: 3 },
  );
  let leases: (all: readonly LeaseName[]) => void = () => {};
  let nodes: (map: ReadonlyMap<string, readonly string[]>) => void = () => {};
  const house = {
    consul: consul.address,
    watchLeases: (listener: typeof leases) => {
      leases = listener;
      return () => {};
    },
    watchNodes: (listener: typeof nodes) => {
      nodes = listener;
      return () => {};
    },
  };
  const settings = { clients: [{ id: 1, match: "phone", groups: [0] }], lists: [] };
  const world = await startWorld(t, { house, settings });
  t.is(rcodeOf(await world.ask("phone.lan")), 3);
  leases([{ name: "Phone", address: "192.168.1.30", mac: "aa:bb:cc:00:00:02", domain: "" }]);
  t.deepEqual(addressesOf(await world.ask("phone.lan")), ["192.168.1.30"]);
  t.deepEqual(addressesOf(await world.ask("phone")), ["192.168.1.30"]);
  t.is((await dig(world.port, "+short", "-x", "192.168.1.30")).trim(), "phone.lan.");
  nodes(
    new Map([
      ["pi1", ["192.168.1.2"]],
      ["laptop", ["127.0.0.1"]],
    ]),
  );
  t.deepEqual(addressesOf(await world.ask("pi1.lan")), ["192.168.1.2"]);
  t.is(rcodeOf(await world.ask("laptop.lan")), 3, "an address of loopback is nobody else's way there");
  t.deepEqual(addressesOf(await world.ask("web.service.consul")), ["10.0.0.8"]);
  t.deepEqual(addressesOf(await world.ask("web.lan")), ["10.0.0.8"]);
  t.is(rcodeOf(await world.ask("none.lan")), 3);
  leases([]);
  t.is(rcodeOf(await world.ask("phone.lan")), 3);
});

test("odd questions get what unbound answers, and where not, there is a reason", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lares-unbound-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const unbound = await startUnbound(t, {
    folder,
    ready: "host.lan",
    server: ['local-zone: "lan." static', 'local-data: "host.lan. A 192.168.1.5"'],
    rest: [],
  });
  const records = [{ name: "host.lan", type: "A", value: "192.168.1.5" }];
  const world = await startWorld(t, { settings: { local: { records } } });
  const differences: Record<string, string> = {};
  for (const [name, packet] of ODD_QUESTIONS) {
    const [ours, theirs] = [said(await world.raw(packet)), said(await raw(unbound.port, packet))];
    if (ours === theirs) continue;
    const [our, their] = [ours, theirs].map((each) => /^rcode \d+|^nothing/.exec(each)?.[0]);
    if (our !== their) differences[name] = `${our}, unbound ${their}`;
    // What cannot be read is answered with a header alone, where unbound repeats as much of it as there is.
    else t.regex(ours, /questions 0 answers 0$|^rcode 5 rd ra questions 1 answers 0$/, name);
  }
  t.deepEqual(differences, {
    // A client that says it has a cookie of seven bytes is told so (RFC 7873 §5.2.2), as are options that do not read (RFC 6891
    // §6.1.2). Debian's unbound reads neither.
    "EDNS, a cookie of seven bytes": "rcode 1, unbound rcode 0",
    "EDNS, an option that runs past its end": "rcode 1, unbound rcode 0",
    "EDNS, options end within a head": "rcode 1, unbound rcode 0",
    // Nothing that is not what it says it is gets an answer about names.
    "a byte too many": "rcode 1, unbound rcode 0",
    // There are no zones here to be told about.
    "opcode notify": "rcode 4, unbound rcode 5",
    // Questions for everything, and types and classes that stand in no zone, are refused alike (RFC 8482, RFC 6895 §3.1).
    ANY: "rcode 5, unbound rcode 0",
    "type 0": "rcode 5, unbound rcode 0",
    "type OPT asked": "rcode 5, unbound rcode 1",
    "class ANY": "rcode 5, unbound nothing",
  });
});

test("a port that another program has is told with what to do, and taken when it is free", async (t) => {
  const first = await startWorld(t);
  const second = await startWorld(t, { settings: { listen: { addresses: [`127.0.0.1:${first.port}`] } } });
  const remedy = `another program has port ${first.port}; \`ss -lntup\` shows which; stop that program, or name`;
  for (const way of ["tcp", "udp"]) {
    const said = second.dns.status().problems.filter((problem) => problem.startsWith(`${way} 127.0.0.1 `));
    t.is(said.length, 1);
    t.true(said[0]?.includes(`EADDRINUSE; ${remedy}`), said[0]);
  }
  await first.dns.stop();
  await second.dns.settled();
  t.deepEqual(second.dns.status().problems, []);
  t.is(second.dns.addresses("udp")[0]?.port, first.port);
});
