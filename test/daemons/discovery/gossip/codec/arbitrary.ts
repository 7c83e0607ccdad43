import fc from "fast-check";
import { NO_BYTES, type Message, type StreamMessage } from "#daemons/discovery/gossip/codec/message.ts";

const u32 = fc.oneof(fc.nat(200), fc.integer({ min: 0, max: 2 ** 32 - 2 }));
const port = fc.nat(65_535);
const name = fc.oneof(
  fc.stringMatching(/^[a-z0-9-]{1,40}$/),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((text) => Buffer.byteLength(text) <= 255),
);
const bytes = (longest: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ maxLength: longest }).map((made) => (made.length === 0 ? NO_BYTES : made));
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);
const versions = fc.uint8Array({ minLength: 6, maxLength: 6 });
const source = {
  sourceAddress: fc.oneof(fc.constant(NO_BYTES), address),
  sourcePort: port,
  sourceNode: fc.oneof(fc.constant(""), name),
};
const kind = <const K extends string>(value: K): fc.Arbitrary<K> => fc.constant(value);

/** Any message of a datagram, with what no honest peer would put in it too. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ kind: kind("ping"), sequence: u32, node: name, ...source }),
  fc.record({
    kind: kind("indirect-ping"),
    sequence: u32,
    node: name,
    target: address,
    port,
    nack: fc.boolean(),
    ...source,
  }),
  fc.record({ kind: kind("ack"), sequence: u32, payload: bytes(300) }),
  fc.record({ kind: kind("nack"), sequence: u32 }),
  fc.record({ kind: kind("suspect"), incarnation: u32, node: name, from: name }),
  fc.record({ kind: kind("dead"), incarnation: u32, node: name, from: name }),
  fc.record({ kind: kind("alive"), incarnation: u32, node: name, address, port, meta: bytes(512), versions }),
  fc.record({ kind: kind("user"), body: bytes(300) }),
);

const member = fc.record({
  name,
  address,
  port,
  meta: bytes(512),
  incarnation: u32,
  state: fc.nat(3),
  versions,
});

/** Any message of a stream. */
export const anyStreamMessage: fc.Arbitrary<StreamMessage> = fc.oneof(
  fc.record({
    kind: kind("push-pull"),
    join: fc.boolean(),
    members: fc.array(member, { maxLength: 12 }),
    userState: bytes(500),
  }),
  fc.record({ kind: kind("error"), text: fc.string({ maxLength: 200 }) }),
  fc.record({ kind: kind("user"), body: bytes(3000) }),
  fc.record({ kind: kind("ping"), sequence: u32, node: name, ...source }),
  fc.record({ kind: kind("ack"), sequence: u32, payload: bytes(300) }),
);
