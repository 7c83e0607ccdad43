import { createHash, randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import test from "ava";
import fc from "fast-check";
import { utf8 } from "#base/env/bytes.ts";
import { makeCompound, splitCompound } from "#daemons/discovery/gossip/codec/compound.ts";
import { compressMessage, inflateMessage } from "#daemons/discovery/gossip/codec/compressed.ts";
import { decodeMessage, decodeStreamMessage } from "#daemons/discovery/gossip/codec/decode.ts";
import { encodeMessage, encodeStreamMessage } from "#daemons/discovery/gossip/codec/encode.ts";
import { MAX_INFLATED_DATAGRAM, MAX_MEMBERS, MAX_STREAM_BYTES } from "#daemons/discovery/gossip/codec/limits.ts";
import { compressLzw, inflateLzw } from "#daemons/discovery/gossip/codec/lzw.ts";
import { MessageType, type Message, type StreamMessage } from "#daemons/discovery/gossip/codec/message.ts";
import { MsgpackWriter } from "#daemons/discovery/gossip/codec/msgpack-writer.ts";
import { StreamReader, type StreamProgress } from "#daemons/discovery/gossip/codec/stream-reader.ts";
import { Wire, type WireOptions } from "#daemons/discovery/gossip/codec/wire.ts";
import { Keyring } from "#daemons/discovery/gossip/security/keyring.ts";
import { seal, unseal } from "#daemons/discovery/gossip/security/seal.ts";
import { Prng } from "#sim/prng.ts";
import { goLzw, startGoPeer, type GoEvent } from "../go-peer.ts";
import { anyMessage, anyStreamMessage } from "./arbitrary.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const writer = new MsgpackWriter();

function wireOf(options: Partial<WireOptions> = {}): Wire {
  const plain = { label: "", keyring: undefined, compress: false, verifyIncoming: true, verifyOutgoing: true };
  return new Wire({ ...plain, random: new Prng(7), ...options });
}

function ringOf(key: Uint8Array, ...others: Uint8Array[]): Keyring {
  const ring = Keyring.create(key, others);
  if (!ring.ok) throw new Error(ring.error.message);
  return ring.value;
}

function opened(wire: Wire, bytes: Uint8Array): { messages: Message[]; dropped: string[] } {
  const [messages, dropped]: [Message[], string[]] = [[], []];
  wire.openDatagram(
    bytes,
    (message) => void messages.push(message),
    (why) => void dropped.push(why),
  );
  return { messages, dropped };
}

/** What two Go programs sent each other in a short life with messages, state, a leave and a failure. */
async function goTraffic(args: readonly string[]): Promise<{ datagrams: Uint8Array[]; streams: Uint8Array[] }> {
  const a = await startGoPeer(["-name", "go-a", "-meta", "role=web", "-tap", ...args]);
  const b = await startGoPeer(["-name", "go-b", "-meta", "role=db", "-tap", ...args]);
  const c = await startGoPeer(["-name", `go-c-${"long".repeat(20)}`, "-meta", "m".repeat(300), "-tap", ...args]);
  const seen = (kind: string): GoEvent[] => [...a.events, ...b.events].filter((event) => event.kind === kind);
  try {
    await b.tell(`join 127.0.0.1:${a.port}`);
    await c.tell(`join 127.0.0.1:${a.port}`);
    const together = Date.now() + 60_000;
    while (Object.keys((await a.tell("members")).members ?? {}).length < 3) {
      if (Date.now() > together) throw new Error("Go's nodes did not find each other");
      await pause(20);
    }
    await a.tell("send go-b hello");
    await a.tell(`reliable go-b ${"hello again ".repeat(40)}`);
    await a.tell("update role=database-with-a-longer-text");
    c.kill();
    // Indirect probes, probes over streams, nacks, suspicions and the death of the third.
    const deadline = Date.now() + 60_000;
    while (!seen("leave").some((event) => event.member?.startsWith("go-c") === true)) {
      if (Date.now() > deadline) throw new Error("Go did not notice the failure");
      await pause(50);
    }
    await b.tell("leave");
  } finally {
    await Promise.all([a.stop(), b.stop(), c.stop()]);
  }
  const streams = [a, b, c].flatMap((peer) => {
    const byId = Map.groupBy(
      peer.events.filter((event) => event.kind === "stream"),
      (event) => event.id,
    );
    return [...byId.values()].map((parts) => Buffer.concat(parts.map((part) => unhex(part.hex ?? ""))));
  });
  const datagrams = [a, b, c].flatMap((peer) =>
    peer.events.filter((event) => event.kind === "datagram").map((event) => unhex(event.hex ?? "")),
  );
  return { datagrams, streams };
}

function readStream(
  wire: Wire,
  bytes: Uint8Array,
  way: "call" | "reply" = "call",
  step = bytes.length,
): StreamProgress {
  const reader = new StreamReader(wire, way);
  let progress: StreamProgress = { kind: "more" };
  for (let at = 0; at < bytes.length && progress.kind === "more"; at += step)
    progress = reader.push(bytes.subarray(at, at + step));
  return progress;
}

/** Every message in a plain packet of Go's, as bytes. */
function partsOf(packet: Uint8Array): Uint8Array[] {
  const body = packet[0] === MessageType.crc ? packet.subarray(5) : packet;
  if (body[0] !== MessageType.compound) return [body];
  const parts: Uint8Array[] = [];
  splitCompound(body, (part) => void parts.push(part));
  return parts;
}

test.serial("every message that Go sends is read, and written back byte for byte", async (t) => {
  t.timeout(180_000);
  const { datagrams, streams } = await goTraffic([]);
  const kinds = new Set<string>();
  for (const datagram of datagrams) {
    t.deepEqual(opened(wireOf(), datagram).dropped, []);
    for (const part of partsOf(datagram)) {
      const message = decodeMessage(part);
      if (message.kind === "bad") return t.fail(`${message.why}: ${hex(part)}`);
      kinds.add(message.kind);
      t.is(hex(encodeMessage(message, writer)), hex(part));
    }
    const parts = partsOf(datagram);
    if (parts.length > 1)
      t.is(hex(makeCompound(parts)), hex(datagram[0] === MessageType.crc ? datagram.subarray(5) : datagram));
  }
  t.deepEqual([...kinds].sort(), ["ack", "alive", "dead", "indirect-ping", "nack", "ping", "suspect", "user"]);
  for (const stream of streams) {
    const read = readStream(wireOf(), stream);
    if (read.kind !== "message") return t.fail(`${read.kind}: ${hex(stream)}`);
    kinds.add(`stream ${read.message.kind}`);
    t.is(hex(encodeStreamMessage(read.message, writer)), hex(stream));
  }
  t.true(kinds.has("stream push-pull") && kinds.has("stream user"));
});

test.serial("what Go seals, compresses and labels opens here, and its seal is ours byte for byte", async (t) => {
  t.timeout(180_000);
  const key = randomBytes(24);
  const { datagrams, streams } = await goTraffic(["-compress", "-label", "lab", "-key", key.toString("base64")]);
  const wire = wireOf({ label: "lab", keyring: ringOf(randomBytes(16), key), compress: true });
  const bound = utf8("lab");
  let compressed = 0;
  for (const datagram of datagrams) {
    const { messages, dropped } = opened(wire, datagram);
    t.deepEqual(dropped, []);
    t.true(messages.length > 0);
    const sealed = datagram.subarray(5);
    const plain = unseal(sealed, { keys: [key], bound });
    if (plain === undefined) return t.fail("cannot be opened");
    t.is(hex(seal(plain, { key, nonce: sealed.subarray(1, 13), bound })), hex(sealed));
    const body = plain[0] === MessageType.crc ? plain.subarray(5) : plain;
    if (body[0] !== MessageType.compress) continue;
    compressed += 1;
    const inflated = inflateMessage(body, MAX_INFLATED_DATAGRAM);
    if (typeof inflated === "string") return t.fail(inflated);
    t.is(hex(compressMessage(inflated)), hex(body));
  }
  t.true(compressed > 0);
  for (const stream of streams) {
    t.is(readStream(wire, stream).kind, "message");
    t.is(readStream(wireOf({ label: "lab", keyring: ringOf(randomBytes(32)) }), stream).kind, "bad");
  }
  t.true(streams.length > 0);
});

test("LZW is Go's byte for byte, both ways", async (t) => {
  const random = new Prng(11);
  const inputs = [
    new Uint8Array(0),
    ...[1, 2, 3, 255, 256, 257, 1400, 5000].map((length) => random.bytes(length)),
    ...[1, 2, 100, 1400, 70_000].map((length) => new Uint8Array(length).fill(7)),
    ...[1400, 60_000, 200_000].map((length) =>
      Uint8Array.from({ length }, (_, i) => "abcdefgh".charCodeAt((i * i) % 8)),
    ),
    ...Array.from({ length: 60 }, () => {
      const few = 1 + (random.next() % 40);
      return Uint8Array.from({ length: random.next() % 9000 }, () => random.next() % few);
    }),
  ];
  const packed = await goLzw(inputs.map((input) => `pack ${hex(input)}`));
  for (const [at, input] of inputs.entries()) {
    t.is(
      createHash("sha1").update(compressLzw(input)).digest("hex"),
      createHash("sha1")
        .update(unhex(packed[at] ?? ""))
        .digest("hex"),
    );
    const inflated = inflateLzw(unhex(packed[at] ?? ""), 1 << 20);
    t.true(typeof inflated !== "string" && Buffer.compare(inflated, input) === 0);
  }
  // Nonsense is refused by both, or unpacks to the same.
  const nonsense = Array.from({ length: 200 }, () => random.bytes(1 + (random.next() % 60)));
  const answers = await goLzw(nonsense.map((each) => `unpack ${hex(each)}`));
  for (const [at, each] of nonsense.entries()) {
    const inflated = inflateLzw(each, 1 << 20);
    if (typeof inflated !== "string") t.is(hex(inflated), answers[at] ?? "");
  }
});

test("a bomb unpacks to no more than its limit", (t) => {
  const bomb = compressLzw(new Uint8Array(8 * 1024 * 1024));
  t.true(bomb.length < 20_000);
  t.is(inflateLzw(bomb, MAX_INFLATED_DATAGRAM), "compressed data unpacks to too much");
  writer.reset();
  writer.byte(MessageType.compress);
  writer.map(1);
  writer.text("Buf");
  writer.bytesOrNil(compressLzw(new Uint8Array(600_000).fill(MessageType.user)));
  const part = writer.take();
  // Many that are each below the limit share one.
  const { messages, dropped } = opened(wireOf(), makeCompound([part, part, part]));
  t.is(messages.length, 1);
  t.deepEqual(dropped, ["compressed data unpacks to too much", "compressed data unpacks to too much"]);
  let nested = part;
  for (let i = 0; i < 6; i++) nested = makeCompound([nested]);
  t.deepEqual(opened(wireOf(), nested), { messages: [], dropped: ["nested too deep"] });
});

test("lists that claim more than they have, and names that are too long, are dropped", (t) => {
  const head = (nodes: number): Uint8Array => {
    writer.reset();
    writer.byte(MessageType.pushPull);
    writer.map(1);
    writer.text("Nodes");
    writer.uint(nodes);
    return writer.take();
  };
  t.deepEqual(decodeStreamMessage(head(MAX_MEMBERS)), { kind: "bad", why: "cut short" });
  t.deepEqual(readStream(wireOf(), head(2 ** 31 - 1)), { kind: "bad", why: "number too large" });
  const versions = new Uint8Array(6);
  const alive = (node: string, meta = 0): Message => ({
    kind: "alive",
    incarnation: 1,
    node,
    address: Uint8Array.of(10, 0, 0, 1),
    port: 1,
    meta: new Uint8Array(meta),
    versions,
  });
  const why = (message: Message): string => opened(wireOf(), encodeMessage(message, writer)).dropped.join();
  t.is(why(alive("n".repeat(300))), "text or bytes too long");
  t.is(why(alive("n".repeat(255))), "");
  t.is(why(alive("n", 513)), "text or bytes too long");
  t.is(why(alive("")), "member without a name");
  t.is(why(alive("mark \ufffd")), "");
  const broken = encodeMessage(alive("mark-xy"), writer);
  broken.set([0xff, 0xfe], Buffer.from(broken).indexOf("xy"));
  t.is(opened(wireOf(), broken).dropped.join(), "text is not UTF-8");
  t.is(why({ kind: "dead", incarnation: 2 ** 32 - 1, node: "n", from: "m" }), "number too large");
  // A map of four thousand million pairs, an array in an array in an array.
  t.is(opened(wireOf(), unhex("04dfffffffff")).dropped.join(), "too many fields");
  t.is(
    opened(
      wireOf(),
      Uint8Array.from([4, 0x81, 0xa1, 0x78, ...Array.from({ length: 9000 }, () => 0x91)]),
    ).dropped.join(),
    "too many items",
  );
  const reader = new StreamReader(wireOf(), "call");
  t.is(reader.push(new Uint8Array(MAX_STREAM_BYTES + 1)).kind, "bad");
});

test("foreign keys, foreign labels and plain packets are refused", (t) => {
  const [ours, theirs] = [randomBytes(32), randomBytes(32)];
  const packet = encodeMessage({ kind: "nack", sequence: 5 }, writer);
  const wire = wireOf({ keyring: ringOf(ours), label: "house" });
  t.is(opened(wire, wire.wrapDatagram(packet, true)).messages.length, 1);
  const dropped = (other: Partial<WireOptions>): string =>
    opened(wire, wireOf(other).wrapDatagram(packet, false)).dropped.join();
  t.is(dropped({ keyring: ringOf(theirs), label: "house" }), "cannot be decrypted");
  t.is(dropped({ label: "house" }), "cannot be decrypted");
  t.is(dropped({ keyring: ringOf(ours), label: "barn" }), "foreign label");
  t.is(dropped({ keyring: ringOf(ours) }), "foreign label");
  // On the way to encryption plain ones are let in and own ones are sent plain.
  const moving = wireOf({ keyring: ringOf(ours), verifyIncoming: false, verifyOutgoing: false });
  t.is(hex(moving.wrapDatagram(packet, false)), hex(packet));
  t.is(opened(moving, packet).messages.length, 1);
  const v0 = seal(packet, { key: ours, nonce: randomBytes(12), bound: new Uint8Array(0), version: 0 });
  t.is(opened(moving, v0).messages.length, 1);
  t.is((v0.length - 29) % 16, 0);
});

test("a keyring rotates, and keeps its primary key", (t) => {
  const [a, b] = [randomBytes(16), randomBytes(32)];
  const ring = ringOf(a);
  t.true(ring.install(b).ok);
  t.true(ring.use(b).ok);
  t.is(hex(ring.primary ?? b.subarray(1)), hex(b));
  const kept = ring.remove(b);
  t.is(kept.ok ? "" : kept.error.code, "KEY_IN_USE");
  t.true(ring.remove(a).ok);
  const unknown = ring.use(a);
  t.is(unknown.ok ? "" : unknown.error.code, "KEY_UNKNOWN");
  const short = ring.install(randomBytes(15));
  t.is(short.ok ? "" : short.error.code, "KEY_LENGTH");
  for (let i = 0; i < 15; i++) t.true(ring.install(randomBytes(16)).ok);
  const full = ring.install(randomBytes(16));
  t.is(full.ok ? "" : full.error.code, "KEYRING_FULL");
});

test("what is written is read again, however it is wrapped and cut", (t) => {
  const wires = [
    wireOf(),
    wireOf({ compress: true, label: "x" }),
    wireOf({ compress: true, keyring: ringOf(randomBytes(16)), label: "house" }),
  ];
  fc.assert(
    fc.property(
      fc.array(anyMessage, { minLength: 1, maxLength: 20 }),
      fc.nat(2),
      fc.boolean(),
      (messages, which, crc) => {
        const wire = wires[which] ?? wireOf();
        const encoded = messages.map((message) => encodeMessage(message, writer));
        const packet = encoded.length === 1 ? encoded[0] : makeCompound(encoded);
        t.deepEqual(opened(wire, wire.wrapDatagram(packet ?? new Uint8Array(0), crc)), { messages, dropped: [] });
      },
    ),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(anyStreamMessage, fc.nat(2), fc.integer({ min: 1, max: 50 }), (message: StreamMessage, which, step) => {
      const wire = wires[which] ?? wireOf();
      const bytes = wire.wrapStream(encodeStreamMessage(message, writer), "reply");
      t.deepEqual(readStream(wire, bytes, "reply", step), { kind: "message", message });
    }),
    { numRuns: 300 },
  );
});

test("no bytes are fatal: garbage, and messages with a few bytes changed or cut off", (t) => {
  const wire = wireOf({ compress: true });
  const damaged = fc.tuple(
    fc.oneof(
      fc
        .array(anyMessage, { minLength: 1, maxLength: 8 })
        .map((all) => wire.wrapDatagram(makeCompound(all.map((each) => encodeMessage(each, writer))), false)),
      anyStreamMessage.map((message) => encodeStreamMessage(message, writer)),
      fc.uint8Array({ maxLength: 400 }),
    ),
    fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 6 }),
    fc.nat(600),
  );
  fc.assert(
    fc.property(damaged, ([whole, changes, cut]) => {
      const bytes = whole.slice(0, Math.max(1, whole.length - (cut % 40)));
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      const { messages, dropped } = opened(wire, bytes);
      t.true(messages.length + dropped.length > 0 || bytes[0] === MessageType.compound);
      readStream(wire, bytes);
      readStream(wire, bytes, "reply", 7);
    }),
    { numRuns: 3000 },
  );
});
