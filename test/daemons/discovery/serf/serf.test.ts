import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { freePort } from "#test/free-ports.ts";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { Prng } from "#sim/prng.ts";
import { MemberCoalescer, UserEventCoalescer } from "#daemons/discovery/serf/core/coalesce.ts";
import {
  decodeCoordinate,
  distance,
  encodeCoordinate,
  type Coordinate,
} from "#daemons/discovery/serf/core/coordinate.ts";
import type { UserEvent } from "#daemons/discovery/serf/core/member.ts";
import { compacted, replay } from "#daemons/discovery/serf/core/snapshot-lines.ts";
import { decodeTags, encodeTags } from "#daemons/discovery/serf/core/tags.ts";
import { Vivaldi } from "#daemons/discovery/serf/core/vivaldi.ts";
import { decodeValue } from "#daemons/discovery/serf/wire/decode-value.ts";
import { encodeValue } from "#daemons/discovery/serf/wire/encode-value.ts";
import {
  decodeMessage,
  encodeMessage,
  encodeRelay,
  PushPullSchema,
  decodeBody,
} from "#daemons/discovery/serf/wire/messages.ts";
import type { WireValue } from "#daemons/discovery/serf/wire/value.ts";
import { Keyring } from "#daemons/discovery/gossip/security/keyring.ts";
import { COMMAND_NAMES } from "#daemons/discovery/serf/rpc/commands.ts";
import { startSerf } from "./live.ts";
import { serfCommand, startRealSerf, until } from "./real-serf.ts";
import { SimCluster, type SimNode } from "./sim-cluster.ts";

const plain: fc.Arbitrary<WireValue> = fc.letrec<{ value: WireValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noInteger: true }),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(fc.string({ maxLength: 40 }), tie("value"), { maxKeys: 20, noNullPrototype: true }),
  ),
})).value;

test("what is written is read again", (t) => {
  fc.assert(
    fc.property(plain, (value) => {
      const bytes = encodeValue(value);
      const read = decodeValue(bytes);
      t.true(read.ok);
      if (!read.ok) return;
      t.is(read.value.end, bytes.length);
      t.deepEqual(read.value.value, value);
    }),
    { numRuns: 300 },
  );
});

test("every cut of a value says that it is short", (t) => {
  const bytes = encodeValue({ Name: "a", Payload: new Uint8Array(40), List: [1, 300, 70_000, "x".repeat(40)] });
  for (let end = 0; end < bytes.length; end++) {
    const read = decodeValue(bytes.subarray(0, end));
    t.is(read.ok ? "" : read.error.code, "WIRE_SHORT");
  }
});

test("a bomb of lists is refused before it takes memory", (t) => {
  const deep = decodeValue(Uint8Array.from({ length: 100_000 }, () => 0x91));
  t.is(deep.ok ? "" : deep.error.code, "WIRE_BAD");
  const wide = new Uint8Array(500_005);
  wide.set([0xdd, 0x00, 0x07, 0xa1, 0x20]);
  wide.fill(0x80, 5);
  const many = decodeValue(wide);
  t.is(many.ok ? "" : many.error.code, "WIRE_BAD");
});

const messages: readonly Uint8Array[] = [
  encodeMessage("leave", { LTime: 3, Node: "a", Prune: true }),
  encodeMessage("join", { LTime: 3, Node: "a" }),
  encodeMessage("userEvent", { LTime: 9, Name: "deploy", Payload: utf8("v2"), CC: true }),
  encodeMessage("query", {
    LTime: 1,
    ID: 7,
    Addr: new Uint8Array(4),
    Port: 1,
    Filters: [utf8("\0x")],
    Name: "q",
    Timeout: 1e9,
  }),
  encodeMessage("queryResponse", { LTime: 1, ID: 7, From: "a", Flags: 1, Payload: null }),
  encodeMessage("pushPull", {
    LTime: 4,
    StatusLTimes: { a: 1 },
    LeftMembers: ["b"],
    EventLTime: 2,
    Events: [null],
    QueryLTime: 1,
  }),
  encodeRelay({ address: new Uint8Array(4), port: 7946, name: "a" }, Uint8Array.of(5, 0x80)),
];

test("no bytes of a member break the core", (t) => {
  const cluster = new SimCluster(1);
  const node = cluster.add("a", { role: "web" });
  cluster.add("b");
  cluster.meet();
  const bent = fc.tuple(fc.constantFrom(...messages), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }));
  const input = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    bent.map(([message, changes]) => bend(message, changes)),
  );
  fc.assert(
    fc.property(input, (bytes) => {
      node.core.onUserMessage(bytes);
      node.core.mergeRemoteState(bytes, false);
      node.core.mergeRemoteState(Uint8Array.of(2, ...bytes), true);
      node.core.onPing(cluster.nodes[1]?.member ?? node.member, 1, bytes);
      decodeTags(bytes);
      replay(textOf(bytes), false);
    }),
    { numRuns: 3000 },
  );
  t.is(node.core.self().status, "alive");
  t.true(node.core.vivaldi.own.Vec.every((each) => Number.isFinite(each)));
});

function bend(message: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
  const copy = message.slice();
  for (const [at, byte] of changes) copy[at % copy.length] = byte;
  return copy;
}

test("a full exchange that Go wrote is read: nil slots, absent lists", (t) => {
  const state = encodeMessage("pushPull", { LTime: 4, StatusLTimes: null, LeftMembers: null, Events: [null, null] });
  const read = decodeBody(PushPullSchema, state);
  t.true(read.ok && read.value.Events.length === 2 && read.value.EventLTime === 0);
  t.true(decodeMessage(encodeMessage("join", { LTime: 1, Node: "é" })).ok);
});

function clusterOf(seed: number, size: number): SimCluster {
  const cluster = new SimCluster(seed);
  for (let i = 0; i < size; i++) cluster.add(`n${i}`, { role: i % 2 === 0 ? "web" : "db" });
  cluster.meet();
  for (const node of cluster.nodes) node.core.announceJoin();
  return cluster;
}

function userEvents(node: SimNode): UserEvent[] {
  return node.events.filter((event) => event.kind === "user");
}

test("events reach every member once, over a network that loses, doubles and mixes up", (t) => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const cluster = clusterOf(seed, 12);
    cluster.loss = 0.2;
    for (let i = 0; i < 30; i++) {
      cluster.nodes[i % 12]?.core.fire({ name: "deploy", payload: utf8(String(i)) });
      cluster.run(1);
    }
    cluster.run(120);
    for (const node of cluster.nodes) {
      const got = userEvents(node).map((event) => textOf(event.payload));
      t.is(new Set(got).size, got.length, `seed ${seed}: ${node.core.name} got one twice`);
      t.is(got.length, 30, `seed ${seed}: ${node.core.name} missed some`);
    }
    const times = cluster.nodes.map((node) =>
      Object.fromEntries(userEvents(node).map((one) => [textOf(one.payload), one.lTime])),
    );
    for (const each of times) t.deepEqual(each, times[0]);
  }
});

test("what a node fires after it saw an event has a later time", (t) => {
  const cluster = clusterOf(7, 5);
  const [a, b] = cluster.nodes;
  a?.core.fire({ name: "first", payload: new Uint8Array() });
  cluster.run(20);
  b?.core.fire({ name: "second", payload: new Uint8Array() });
  cluster.run(20);
  for (const node of cluster.nodes) {
    const [first, second] = ["first", "second"].map(
      (name) => userEvents(node).find((event) => event.name === name)?.lTime ?? 0,
    );
    t.true((second ?? 0) > (first ?? 0));
  }
});

test("who joins later is told of events, unless it asked not to be", (t) => {
  const cluster = clusterOf(8, 3);
  cluster.nodes[0]?.core.fire({ name: "old", payload: new Uint8Array() });
  cluster.run(10);
  const told = cluster.add("late-1");
  const spared = cluster.add("late-2");
  cluster.meet();
  const state = cluster.nodes[0]?.core.localState() ?? new Uint8Array();
  told.core.mergeRemoteState(state, true);
  spared.core.skipOldEvents = true;
  spared.core.mergeRemoteState(state, true);
  t.is(userEvents(told).length, 1);
  t.is(userEvents(spared).length, 0);
  spared.core.onUserMessage(encodeMessage("userEvent", { LTime: 1, Name: "older", Payload: null, CC: false }));
  t.is(userEvents(spared).length, 0);
});

test("an event that is too long is refused with its size", (t) => {
  const cluster = clusterOf(1, 1);
  const fired = cluster.nodes[0]?.core.fire({ name: "x", payload: new Uint8Array(512) });
  t.is(fired?.ok === false ? fired.error.code : "", "EVENT_SIZE");
  t.true(cluster.nodes[0]?.core.fire({ name: "x", payload: new Uint8Array(511) }).ok);
});

test("queries: filters, acks, answers once, the end when time is up", (t) => {
  for (const seed of [1, 2, 3]) {
    const cluster = clusterOf(seed, 10);
    cluster.run(10);
    const [asker] = cluster.nodes;
    const acks: string[] = [];
    const answers: string[] = [];
    let done = 0;
    asker?.core.query(
      { name: "uptime", payload: utf8("?"), wantsAcks: true, relayFactor: 2, filter: { tags: { role: "^we" } } },
      { onAck: (from) => acks.push(from), onResponse: ({ from }) => answers.push(from), onDone: () => (done += 1) },
    );
    for (let i = 0; i < 10; i++) {
      cluster.run(1);
      for (const node of cluster.nodes)
        for (const event of node.events.splice(0)) if (event.kind === "query") t.true(event.respond(utf8("up")).ok);
    }
    t.is(done, 0);
    cluster.run(60);
    t.is(done, 1, `seed ${seed}`);
    t.deepEqual(acks.toSorted(), ["n0", "n2", "n4", "n6", "n8"]);
    t.deepEqual(answers.toSorted(), acks.toSorted());
  }
});

test("a query can be answered once, in time, and not at any length", (t) => {
  const cluster = clusterOf(1, 2);
  const [a, b] = cluster.nodes;
  a?.core.query({ name: "q", payload: new Uint8Array(), filter: { nodes: ["n1"] } }, {});
  cluster.run(5);
  const query = b?.events.find((event) => event.kind === "query");
  if (query?.kind !== "query") return t.fail("the query did not come");
  const code = (result: { ok: boolean; error?: { code: string } }): string =>
    result.ok ? "" : (result.error?.code ?? "");
  t.is(code(query.respond(new Uint8Array(2000))), "QUERY_SIZE");
  t.is(code(query.respond(new Uint8Array(10))), "");
  t.is(code(query.respond(new Uint8Array(10))), "QUERY_ANSWERED");
  const long = a?.core.query({ name: "q", payload: new Uint8Array(1100) }, {});
  t.is(long === undefined ? "" : code(long), "QUERY_SIZE");
});

test("leave intents: in any order with the loss of the node, it has left", (t) => {
  for (const order of ["intent first", "loss first", "by full exchange"]) {
    const cluster = clusterOf(3, 6);
    cluster.run(10);
    const gone = cluster.nodes[5];
    if (gone === undefined) return t.fail();
    gone.core.leaving = true;
    if (order === "intent first") {
      gone.core.announceLeave("n5", { prune: false });
      cluster.run(20);
      cluster.lose(gone, "dead");
    } else {
      cluster.lose(gone, "dead");
      t.is(cluster.nodes[0]?.core.members.get("n5")?.status, "failed");
      if (order === "loss first") cluster.nodes[1]?.core.forceLeave("n5", { prune: false });
      else cluster.nodes[1]?.core.members.leaveIntent({ LTime: 1000, Node: "n5", Prune: false }, 0);
      cluster.run(120);
    }
    for (const node of cluster.nodes.slice(0, 5)) t.is(node.core.members.get("n5")?.status, "left", order);
  }
});

test("a living node contradicts those who say it left", (t) => {
  const cluster = clusterOf(4, 5);
  cluster.run(10);
  cluster.nodes[0]?.core.forceLeave("n3", { prune: false });
  cluster.run(60);
  for (const node of cluster.nodes) t.is(node.core.members.get("n3")?.status, "alive");
});

test("force-leave with prune forgets at once; without word of a member it says so", (t) => {
  const cluster = clusterOf(5, 4);
  cluster.run(10);
  const gone = cluster.nodes[3];
  if (gone === undefined) return t.fail();
  cluster.lose(gone, "dead");
  t.true(cluster.nodes[0]?.core.forceLeave("n3", { prune: true }).ok);
  cluster.run(60);
  for (const node of cluster.nodes.slice(0, 3)) t.is(node.core.members.get("n3"), undefined);
  const unknown = cluster.nodes[0]?.core.forceLeave("nobody", { prune: false });
  t.is(unknown?.ok === false ? unknown.error.code : "", "MEMBER_UNKNOWN");
});

test("those who are gone are forgotten in time; the left before no member, the failed after a day", (t) => {
  const cluster = clusterOf(6, 3);
  cluster.run(10);
  const [a, b, c] = cluster.nodes;
  if (a === undefined || b === undefined || c === undefined) return t.fail();
  cluster.lose(b, "dead");
  cluster.lose(c, "left");
  cluster.nowMs += 23 * 3_600_000;
  a.core.reap();
  t.is(a.core.members.all().length, 3);
  cluster.nowMs += 2 * 3_600_000;
  a.core.reap();
  t.deepEqual(
    a.core.members.all().map((each) => each.name),
    ["n0"],
  );
  t.deepEqual(a.events.filter((event) => event.kind === "member-reap").length, 2);
});

test("of two nodes with one name the majority keeps one", (t) => {
  const cluster = clusterOf(9, 5);
  cluster.run(10);
  const [n0, n1] = cluster.nodes;
  if (n0 === undefined || n1 === undefined) return t.fail();
  const other = { ...n0.member, address: Uint8Array.of(10, 9, 9, 9), host: "10.9.9.9" };
  n0.core.onConflict(n0.member, other);
  cluster.run(60);
  t.false(n0.nameLost);
  // Most of the others know n1 by another address.
  for (const node of cluster.nodes.slice(2))
    node.core.onMember({ kind: "update", member: { ...n1.member, address: other.address } });
  n1.core.onConflict(n1.member, other);
  cluster.run(60);
  t.true(n1.nameLost);
});

test("coordinates: the model finds the distances of nodes on a plane", (t) => {
  const random = new Prng(11);
  const places = Array.from({ length: 12 }, () => [random.float() * 0.05, random.float() * 0.05]);
  const rtt = (a: number, b: number): number =>
    0.002 + Math.hypot((places[a]?.[0] ?? 0) - (places[b]?.[0] ?? 0), (places[a]?.[1] ?? 0) - (places[b]?.[1] ?? 0));
  const nodes = places.map(() => new Vivaldi(random));
  for (let round = 0; round < 400; round++) {
    for (const [at, node] of nodes.entries()) {
      const peer = (at + 1 + Math.floor(random.float() * 11)) % 12;
      const other = nodes[peer];
      if (other !== undefined) node.observe(`n${peer}`, other.own, rtt(at, peer) * (0.95 + random.float() * 0.1));
    }
  }
  const errors: number[] = [];
  for (const [a, one] of nodes.entries()) {
    for (const [b, other] of nodes.entries()) {
      if (a !== b) errors.push(Math.abs(distance(one.own, other.own) - rtt(a, b)) / rtt(a, b));
    }
  }
  const median = errors.toSorted((a, b) => a - b)[Math.floor(errors.length / 2)] ?? 1;
  t.true(median < 0.15, `median error ${median}`);
});

test("coordinates: nonsense moves nothing", (t) => {
  const node = new Vivaldi(new Prng(1));
  const before = node.own;
  const good: Coordinate = { Vec: Array.from({ length: 8 }, () => 0), Error: 1, Adjustment: 0, Height: 1e-5 };
  t.false(node.observe("a", { ...good, Vec: [1] }, 0.1));
  t.false(node.observe("a", { ...good, Error: Number.NaN }, 0.1));
  t.false(node.observe("a", good, 11));
  t.false(node.observe("a", good, -1));
  t.deepEqual(node.own, before);
  node.observe("a", { ...good, Vec: good.Vec.map(() => 1e308), Height: 1e308 }, 0.1);
  t.true(node.own.Vec.every((each) => Number.isFinite(each)));
  t.deepEqual(decodeCoordinate(encodeCoordinate(good)), good);
});

test("tags travel, and are refused above 512 bytes", (t) => {
  const tags = { role: "web", "": "x", größe: "12" };
  const encoded = encodeTags(tags);
  t.true(encoded.ok);
  if (encoded.ok) t.deepEqual(decodeTags(encoded.value), tags);
  t.false(encodeTags({ a: "x".repeat(512) }).ok);
  t.deepEqual(decodeTags(utf8("web")), { role: "web" });
});

test("snapshots: replay, compaction, the mark of a leave, a line cut by a crash", (t) => {
  const text =
    "alive: a 10.0.0.1:7946\nclock: 5\nalive: b c [::1]:7946\nnot-alive: a\nevent-clock: 7\ncoordinate: x\nalive: z 1.2";
  const state = replay(text, false);
  t.deepEqual([...state.alive], [["b c", "[::1]:7946"]]);
  t.is(state.clock, 5);
  t.is(state.eventClock, 7);
  t.deepEqual(replay(compacted(state), false), state);
  t.is(replay(`${compacted(state)}leave\n`, false).alive.size, 0);
  t.is(replay(`${compacted(state)}leave\n`, true).alive.size, 1);
});

test("coalescing: the newest of a name, and changes that come to nothing are not told", (t) => {
  const users = new UserEventCoalescer({ periodMs: 100, quiescentMs: 20 });
  const event = (lTime: number, payload: string): UserEvent => ({
    kind: "user",
    lTime,
    name: "x",
    payload: utf8(payload),
    coalesce: true,
  });
  t.true(users.add(event(1, "a"), 0));
  users.add(event(3, "b"), 10);
  users.add(event(2, "c"), 90);
  t.is(users.dueMs, 100);
  t.deepEqual(
    users.flush().map((each) => textOf(each.payload)),
    ["b"],
  );
  t.is(users.dueMs, undefined);
  t.false(users.add({ ...event(4, "d"), coalesce: false }, 0));
  const cluster = clusterOf(1, 2);
  const [member] = cluster.nodes[0]?.core.members.all() ?? [];
  if (member === undefined) return t.fail();
  const members = new MemberCoalescer({ periodMs: 100, quiescentMs: 20 });
  members.add({ kind: "member-join", members: [member] }, 0);
  t.is(members.flush().length, 1);
  members.add({ kind: "member-failed", members: [member] }, 0);
  members.add({ kind: "member-join", members: [member] }, 5);
  t.is(members.flush().length, 0);
});

function ring(): Keyring {
  const made = Keyring.create(new Uint8Array(32).fill(7));
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

const KEY = Buffer.alloc(32, 7).toString("base64");
const NEXT_KEY = Buffer.alloc(32, 9).toString("base64");

test("a real serf agent: members, tags, events, queries, keys, failure, return, leave", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lares-serf-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const a = await startSerf(t, "ours-a", { tags: { role: "web" }, keyring: ring() });
  const b = await startSerf(t, "ours-b", { tags: { role: "db" }, keyring: ring() });
  t.is((await b.serf.join([a.place])).joined, 1);
  const handlers = [`-event-handler=user:deploy=cat >> ${folder}/events`, "-event-handler=query:load=echo 0.5"];
  const flags = [`-encrypt=${KEY}`, `-join=${a.place}`, "-tag", "rack=7"];
  const place = { name: "theirs", port: await freePort() };
  const theirs = await startRealSerf(t, place, [...flags, ...handlers]);
  for (const ours of [a, b]) await until(() => ours.statusOf("theirs") === "alive", "we see the serf agent");
  t.deepEqual(b.serf.core.members.get("theirs")?.tags, { rack: "7" });
  await until(
    async () => /ours-a.*alive.*role=web/.test((await serfCommand(theirs.rpcPlace, "members")).output),
    "it sees us",
  );

  await serfCommand(a.rpcPlace, "event", "deploy", "v1");
  await until(
    async () => (await readFile(`${folder}/events`, "utf8").catch(() => "")).includes("v1"),
    "it gets our event",
  );
  await serfCommand(theirs.rpcPlace, "event", "deploy", "v2");
  const gotEvent = (): boolean => b.events.some((event) => event.kind === "user" && textOf(event.payload) === "v2");
  await until(gotEvent, "we get its event");

  b.serf.subscribe((event) => event.kind === "query" && event.name === "load" && event.respond(utf8("0.25")));
  for (const asked of [a.rpcPlace, theirs.rpcPlace]) {
    const { code, output } = await serfCommand(asked, "query", "-timeout=5s", "-relay-factor=1", "load", "x");
    t.is(code, 0);
    t.regex(output, /Response from 'ours-b': 0\.25/);
    t.regex(output, /Response from 'theirs': 0\.5/);
    t.regex(output, /Total Acks: 3/);
  }

  await until(
    async () => (await serfCommand(theirs.rpcPlace, "rtt", "ours-a", "theirs")).code === 0,
    "it knows our coordinate",
  );
  t.regex((await serfCommand(a.rpcPlace, "keys", `-install=${NEXT_KEY}`)).output, /Successfully installed/);
  t.regex((await serfCommand(theirs.rpcPlace, "keys", `-use=${NEXT_KEY}`)).output, /Successfully changed primary/);
  t.regex((await serfCommand(a.rpcPlace, "keys", `-remove=${KEY}`)).output, /Successfully removed/);
  for (const asked of [a.rpcPlace, theirs.rpcPlace]) {
    const { output } = await serfCommand(asked, "keys", "-list");
    t.regex(output, /CQk= +\[3\/3\]/);
    t.false(output.includes(KEY));
  }

  await theirs.kill();
  for (const ours of [a, b]) await until(() => ours.statusOf("theirs") === "failed", "it failed");
  const again = await startRealSerf(t, place, [`-encrypt=${NEXT_KEY}`, `-join=${b.place}`]);
  for (const ours of [a, b]) await until(() => ours.statusOf("theirs") === "alive", "it is back");
  t.is((await serfCommand(again.rpcPlace, "leave")).code, 0);
  for (const ours of [a, b]) await until(() => ours.statusOf("theirs") === "left", "it left");
});

test("the serf command drives our port", async (t) => {
  const a = await startSerf(t, "one", { tags: { role: "web", zone: "x" }, authKey: "s3cret" });
  const b = await startSerf(t, "two");
  const auth = "-rpc-auth=s3cret";
  t.regex((await serfCommand(a.rpcPlace, "members")).output, /[Aa]uthentication/);
  t.not((await serfCommand(a.rpcPlace, "members", "-rpc-auth=wrong")).code, 0);
  t.is((await serfCommand(a.rpcPlace, "join", auth, b.place)).code, 0);
  await until(() => b.statusOf("one") === "alive", "they met");
  t.not((await serfCommand(a.rpcPlace, "join", auth, "127.0.0.1:1")).code, 0);
  t.is((await serfCommand(a.rpcPlace, "tags", auth, "-set", "role=db", "-delete", "zone")).code, 0);
  await until(() => b.serf.core.members.get("one")?.tags["role"] === "db", "tags travel");
  t.deepEqual(b.serf.core.members.get("one")?.tags, { role: "db" });
  t.notRegex((await serfCommand(a.rpcPlace, "members", auth, "-tag", "role=d.")).output, /two/);
  t.regex((await serfCommand(a.rpcPlace, "info", auth)).output, /members = 2/);
  t.regex((await serfCommand(a.rpcPlace, "reachability", auth)).output, /Successfully contacted all live nodes/);
  t.regex((await serfCommand(a.rpcPlace, "keys", auth, "-list")).output, /not encrypted/);
  t.is((await serfCommand(a.rpcPlace, "leave", auth)).code, 0);
  await until(() => b.statusOf("one") === "left", "it left");
  await until(() => a.timesLeft() === 1, "its agent is told to end");
});

test("the snapshot brings a node back to its cluster, and no old event again", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lares-serf-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const a = await startSerf(t, "stays");
  const snapshotPath = join(folder, "snapshot");
  const port = await freePort();
  const b = await startSerf(t, "comes", { snapshotPath, port });
  await b.serf.join([a.place]);
  a.serf.fire({ name: "old", payload: new Uint8Array() });
  await until(() => b.events.some((event) => event.kind === "user"), "the event came");
  await b.stop();
  const back = await startSerf(t, "comes", { snapshotPath, port });
  await until(() => back.statusOf("stays") === "alive", "it went back by itself");
  a.serf.fire({ name: "new", payload: new Uint8Array() });
  await until(() => back.events.some((event) => event.kind === "user" && event.name === "new"), "new events come");
  t.deepEqual(
    back.events.flatMap((event) => (event.kind === "user" ? [event.name] : [])),
    ["new"],
  );
});

test("no bytes of a client break the port", async (t) => {
  const node = await startSerf(t, "one");
  const [host = "", port = ""] = node.rpcPlace.split(":");
  const greet = Buffer.concat([encodeValue({ Command: "handshake", Seq: 1 }), encodeValue({ Version: 1 })]);
  // What would end the node is left out.
  const command = fc.constantFrom(...COMMAND_NAMES.filter((name) => name !== "leave" && name !== "join"), "nothing");
  const known = fc
    .tuple(command, plain)
    .map(([name, body]) => [encodeValue({ Command: name, Seq: 2 }), encodeValue(body)]);
  const request = fc.oneof(
    known,
    fc.uint8Array({ maxLength: 100 }).map((bytes) => [bytes]),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 5 }), async (requests) => {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), host, () => socket.end(Buffer.concat([greet, ...requests.flat()])));
        socket.resume();
        socket.on("error", () => resolve());
        socket.on("close", () => resolve());
      });
    }),
    { numRuns: 100 },
  );
  t.is((await serfCommand(node.rpcPlace, "members")).code, 0);
});
