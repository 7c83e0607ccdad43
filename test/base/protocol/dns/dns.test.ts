import test from "ava";
import dns2 from "dns2";
import fc from "fast-check";
import { addressFamily, ipv4Bytes, ipv6Bytes, ipv6Text } from "#base/protocol/dns/address.ts";
import { readHeader, readMessage, readQuery } from "#base/protocol/dns/message.ts";
import { isName, labelsOf, lowerCase, nameText, readName } from "#base/protocol/dns/name.ts";
import { CLASS, FLAG, TYPE, type RecordData, type ResourceRecord } from "#base/protocol/dns/record.ts";
import { MAX_MESSAGE_BYTES, MessageWriter } from "#base/protocol/dns/writer.ts";

const label = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => String.fromCharCode(...bytes));
const plainLabel = fc.stringMatching(/^[a-z0-9-]{1,12}$/);
const name = fc.array(label, { maxLength: 6 });
const plainName = fc.array(plainLabel, { minLength: 1, maxLength: 6 });
const word = fc.integer({ min: 0, max: 0xffff });
const long = fc.integer({ min: 0, max: 0xffffffff });
const text = fc.uint8Array({ maxLength: 255 }).map((bytes) => String.fromCharCode(...bytes));

function dataOf(names: fc.Arbitrary<string[]>): fc.Arbitrary<RecordData> {
  return fc.oneof(
    fc.record({ kind: fc.constant("A" as const), address: fc.ipV4() }),
    fc.record({
      kind: fc.constant("AAAA" as const),
      address: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => ipv6Text(bytes)),
    }),
    fc.record({ kind: fc.constantFrom("NS" as const, "CNAME" as const, "PTR" as const), target: names }),
    fc.record({ kind: fc.constant("TXT" as const), texts: fc.array(text, { minLength: 1, maxLength: 3 }) }),
    fc.record({ kind: fc.constant("SRV" as const), priority: word, weight: word, port: word, target: names }),
    fc.record({ kind: fc.constant("MX" as const), preference: word, target: names }),
    fc.record({
      kind: fc.constant("SOA" as const),
      primary: names,
      mailbox: names,
      serial: long,
      refresh: long,
      retry: long,
      expire: long,
      minimum: long,
    }),
    fc.record({
      kind: fc.constant("raw" as const),
      type: fc.constant(65_280),
      bytes: fc.uint8Array({ maxLength: 40 }),
    }),
  );
}

function recordOf(names: fc.Arbitrary<string[]>): fc.Arbitrary<ResourceRecord> {
  return fc.record({ name: names, class: fc.constant(CLASS.IN), ttl: long, data: dataOf(names) });
}

function encode(records: readonly ResourceRecord[], question: readonly string[] = []): Uint8Array {
  const writer = new MessageWriter();
  writer.start({ id: 7, flags: FLAG.QR });
  writer.question({ name: question, type: TYPE.ANY, class: CLASS.IN });
  for (const record of records) writer.record(1, record);
  return writer.finish().slice();
}

test("what is written is read again", (t) => {
  fc.assert(
    fc.property(fc.array(recordOf(name), { maxLength: 8 }), name, (records, question) => {
      const message = readMessage(encode(records, question));
      t.deepEqual(message?.answers, records);
      t.deepEqual(message?.questions, [{ name: question, type: TYPE.ANY, class: CLASS.IN }]);
    }),
    { numRuns: 300 },
  );
});

test("another implementation reads the same names", (t) => {
  fc.assert(
    fc.property(fc.array(recordOf(plainName), { minLength: 1, maxLength: 8 }), plainName, (records, question) => {
      const packet = dns2.Packet.parse(Buffer.from(encode(records, question)));
      t.is(packet.questions[0]?.name, question.join("."));
      t.deepEqual(
        packet.answers.map((answer) => [answer.name, answer.type]),
        records.map((record) => [
          record.name.join("."),
          record.data.kind === "raw" ? record.data.type : TYPE[record.data.kind],
        ]),
      );
      for (const [i, { data }] of records.entries()) {
        const answer: any = packet.answers[i];
        if (data.kind === "A") t.is(answer.address, data.address);
        if (data.kind === "SRV") t.deepEqual([answer.port, answer.target], [data.port, data.target.join(".")]);
        if (data.kind === "CNAME") t.is(answer.domain, data.target.join("."));
      }
    }),
    { numRuns: 200 },
  );
});

test("no packet breaks the reader, however real ones are bent", (t) => {
  const real = encode(
    [
      {
        name: ["web", "service", "consul"],
        class: 1,
        ttl: 5,
        data: { kind: "SRV", priority: 1, weight: 1, port: 80, target: ["a", "node", "consul"] },
      },
      { name: ["a", "node", "consul"], class: 1, ttl: 5, data: { kind: "A", address: "10.0.0.1" } },
      { name: ["consul"], class: 1, ttl: 5, data: { kind: "TXT", texts: ["x".repeat(200)] } },
    ],
    ["web", "service", "consul"],
  );
  const edit = fc.record({ at: fc.nat({ max: real.length - 1 }), to: fc.integer({ min: 0, max: 255 }) });
  const bent = fc.tuple(fc.array(edit, { maxLength: 12 }), fc.nat({ max: real.length })).map(([edits, length]) => {
    const copy = real.slice();
    for (const { at, to } of edits) copy[at] = to;
    return copy.subarray(0, length);
  });
  fc.assert(
    fc.property(fc.oneof(bent, fc.uint8Array({ maxLength: 300 })), (packet) => {
      readHeader(packet);
      readQuery(packet);
      const message = readMessage(packet);
      // What was understood can be written again, and says the same.
      if (message === undefined) return;
      for (const { name: owner } of message.answers) t.true(isName(owner) || owner.length === 0);
      t.deepEqual(readMessage(encode(message.answers))?.answers, message.answers);
    }),
    { numRuns: 3000 },
  );
});

test("names end, whatever their pointers say", (t) => {
  const at = (bytes: readonly number[], start = 12) =>
    readName(Uint8Array.from([...new Array(12).fill(0), ...bytes]), start);
  t.deepEqual(at([1, 97, 0]), { labels: ["a"], end: 15 });
  t.is(at([0xc0, 12]), undefined, "a pointer to itself");
  t.is(at([0xc0, 14, 0xc0, 12]), undefined, "a pointer forwards");
  t.is(at([0xc0, 2]), undefined, "a pointer into the header");
  t.is(at([0x40, 97, 0]), undefined, "an unknown kind of label");
  t.is(at([5, 97]), undefined, "a label that leaves the message");
  t.is(at([...new Array(130).fill([1, 97]).flat(), 0]), undefined, "more than 255 bytes");
  t.deepEqual(at([1, 97, 0, 1, 98, 0xc0, 12], 15), { labels: ["b", "a"], end: 19 });
});

test("names as text", (t) => {
  t.deepEqual(labelsOf("Web.consul."), ["Web", "consul"]);
  t.deepEqual(labelsOf("."), []);
  t.is(labelsOf("a..b"), undefined);
  t.is(labelsOf("x".repeat(64)), undefined);
  t.is(labelsOf(new Array(128).fill("a").join(".")), undefined);
  t.is(nameText(["a.b", "c d"]), "a\\046b.c\\032d.");
  t.is(lowerCase("WeB-1\u00c4"), "web-1\u00c4");
});

test("addresses", (t) => {
  t.deepEqual(ipv4Bytes("10.0.0.255"), [10, 0, 0, 255]);
  for (const bad of ["10.0.0", "10.0.0.256", "010.0.0.1", "a.b.c.d", ""]) t.is(ipv4Bytes(bad), undefined, bad);
  for (const bad of ["::1::", ":::", "1:2:3:4:5:6:7", "12345::", "1:2:3:4:5:6:7:8:9", "", "fe80::1%eth0"]) {
    t.is(ipv6Bytes(bad), undefined, bad);
  }
  for (const good of ["::", "::1", "fe80::1", "2001:db8::1:0:0:1", "1:0:2:3:4:5:6:7"])
    t.is(ipv6Text(ipv6Bytes(good) ?? []), good);
  t.is(ipv6Text(ipv6Bytes("::ffff:1.2.3.4") ?? []), "::ffff:102:304");
  t.is(addressFamily("host.example"), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      t.deepEqual(ipv6Bytes(ipv6Text(bytes)), [...bytes]);
    }),
  );
});

test("a message is never longer than TCP can say, and can be wound back", (t) => {
  const writer = new MessageWriter();
  writer.start({ id: 1, flags: 0 });
  const big: ResourceRecord = {
    name: ["a"],
    class: 1,
    ttl: 0,
    data: { kind: "raw", type: 65_280, bytes: new Uint8Array(30_000) },
  };
  t.true(writer.record(1, big));
  const mark = writer.mark();
  t.true(writer.record(1, big));
  t.false(writer.record(1, big));
  t.true(writer.size <= MAX_MESSAGE_BYTES);
  t.is(readMessage(writer.finish())?.answers.length, 2);
  writer.rewind(mark);
  t.true(writer.record(1, { name: ["b", "a"], class: 1, ttl: 0, data: { kind: "CNAME", target: ["b", "a"] } }));
  t.is(readMessage(writer.finish())?.answers.length, 2);
});
