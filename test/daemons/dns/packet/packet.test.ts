import test from "ava";
import fc from "fast-check";
import { readQuery } from "#base/protocol/dns/message.ts";
import { nameText } from "#base/protocol/dns/name.ts";
import { Asked, READ } from "#daemons/dns/packet/asked.ts";
import { typeName, typeNumber } from "#daemons/dns/packet/type-name.ts";
import { ReplyTable } from "#daemons/dns/cache/reply-table.ts";
import { REPLY_KIND } from "#daemons/dns/query-record.ts";
import { NameCoder } from "#daemons/dns/filter/name-hash.ts";
import { questionPacket } from "../world.ts";

/** `FUZZ_ROUNDS=1000000` for the long mode. */
const ROUNDS = Number(process.env["FUZZ_ROUNDS"] ?? 5000);
const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
const hostLabel = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);

/** A question with some of its bytes changed, added or cut. */
const mutated = fc
  .record({
    name: fc.array(hostLabel, { maxLength: 5 }),
    type: fc.nat(65_535),
    udpSize: fc.option(fc.nat(65_535)),
    changes: fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }),
    cut: fc.option(fc.nat(80)),
    more: fc.uint8Array({ maxLength: 20 }),
  })
  .map(({ name, type, udpSize, changes, cut, more }) => {
    const edns = udpSize === null ? {} : { edns: { udpSize } };
    const packet = Buffer.concat([questionPacket(name.join(".") || ".", type, edns), more]);
    for (const [at, byte] of changes) if (at < packet.length) packet[at] = byte;
    return new Uint8Array(packet.subarray(0, cut ?? packet.length));
  });

test("the reader of the hot path agrees with the whole codec, on anything", (t) => {
  const asked = new Asked(7);
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 100 })), (packet) => {
      const read = asked.read(packet);
      const whole = readQuery(packet);
      if (read !== READ.ok) return;
      t.not(whole, undefined);
      if (whole === undefined) return;
      t.deepEqual([asked.id, asked.type, asked.questionEnd], [whole.header.id, whole.question.type, whole.questionEnd]);
      t.is(asked.labels, whole.question.name.length);
      t.is(asked.hasEdns, whole.edns !== undefined);
    }),
    { numRuns: ROUNDS },
  );
});

test("names have the same hash however they came, and text that says which they are", (t) => {
  const asked = new Asked(99);
  const coder = new NameCoder(99);
  fc.assert(
    fc.property(fc.array(hostLabel, { minLength: 1, maxLength: 6 }), (labels) => {
      const name = labels.join(".");
      const text = Buffer.from(name);
      t.is(asked.read(questionPacket(name, 1)), READ.ok);
      t.is(asked.text(), name.toLowerCase());
      const length = coder.encode(text, 0, text.length);
      t.is(length, asked.nameLength);
      t.true(coder.hash === asked.hashes.at(0));
      t.deepEqual(Buffer.from(coder.out.subarray(0, length)), asked.name.subarray(0, length));
    }),
  );
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), (labels) => {
      const wire = Buffer.concat([
        ...labels.map((each) => Buffer.from([each.length, ...each.values()])),
        Buffer.from([0]),
      ]);
      t.true(asked.take(wire, 1));
      const lower = labels.map((each) =>
        Buffer.from(each)
          .toString("latin1")
          .replaceAll(/[A-Z]/g, (c) => c.toLowerCase()),
      );
      if (lower.every((each) => /^[!-~]+$/.test(each) && !/["();@$.\\]/.test(each)))
        t.is(`${asked.text()}.`, nameText(lower));
    }),
  );
});

test("of the replies that are kept each is found, and no other, whatever came and went", (t) => {
  const asked = new Asked(3);
  const step = fc.record({ name: fc.nat(2000), scope: fc.nat(2), puts: fc.boolean() });
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 100, maxLength: 1500 }),
        fc.integer({ min: 1, max: 700 }),
        (steps, limit) => {
          const table = new ReplyTable(limit);
          const newest = new Map<string, Uint8Array>();
          for (const { name, scope, puts } of steps) {
            const packet = questionPacket(`n${name}.example`, 1);
            asked.read(packet);
            const found = table.find(asked, scope);
            if (found !== undefined && found.bytes !== newest.get(`${name} ${scope}`)) return false;
            if (!puts) continue;
            const reply = { bytes: packet, ttlAt: [], rcode: 0, reply: REPLY_KIND.ip };
            newest.set(`${name} ${scope}`, packet);
            table.put(asked, scope, reply);
            if (table.find(asked, scope)?.bytes !== packet || table.size > limit) return false;
          }
          for (const each of table) {
            asked.read(questionPacket(each.name, 1));
            if (table.find(asked, each.scope) !== each) return false;
          }
          return [...table].length === table.size;
        },
      ),
      { numRuns: 30 },
    ),
  );
});

test("types have names, and numbers where nobody gave them one", (t) => {
  t.deepEqual(
    [typeNumber("aaaa"), typeNumber("TYPE65"), typeNumber("TYPE99999"), typeNumber("nope")],
    [28, 65, undefined, undefined],
  );
  t.deepEqual([typeName(65), typeName(4711)], ["HTTPS", "TYPE4711"]);
});
