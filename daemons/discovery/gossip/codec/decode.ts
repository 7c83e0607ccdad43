import {
  MAX_FIELDS,
  MAX_INCARNATION,
  MAX_MEMBERS,
  MAX_META_BYTES,
  MAX_NAME_BYTES,
  MAX_STREAM_BYTES,
} from "./limits.ts";
import { MessageType, NO_BYTES, type Message, type RemoteMember, type StreamMessage } from "./message.ts";
import { KeyTable, MsgpackReader } from "./msgpack-reader.ts";

/** A message, or a reason why there is none. */
export type Decoded<T> = T | { readonly kind: "bad"; readonly why: string };

/** One message of a datagram, type byte first, unwrapped. */
export function decodeMessage(bytes: Uint8Array): Decoded<Message> {
  const type = bytes[0];
  if (type === MessageType.user) return { kind: "user", body: new Uint8Array(bytes.subarray(1)) };
  if (type === undefined || type > MessageType.nack) return bad("unknown type");
  const reader = new MsgpackReader(bytes, 1);
  const message = readMessage(type, readFields(reader));
  return reader.failure === undefined ? message : bad(reader.failure);
}

/** One whole message of a stream, type byte first, neither encrypted nor compressed. */
export function decodeStreamMessage(bytes: Uint8Array): Decoded<StreamMessage> {
  const type = bytes[0];
  const reader = new MsgpackReader(bytes, 1);
  const fields = readFields(reader);
  if (reader.failure !== undefined) return bad(reader.failure);
  switch (type) {
    case MessageType.pushPull:
      return readPushPull(bytes, reader, fields);
    case MessageType.user: {
      const end = reader.at + fields.userMsgLen;
      return end > bytes.length
        ? bad("cut short")
        : { kind: "user", body: new Uint8Array(bytes.subarray(reader.at, end)) };
    }
    case MessageType.error:
      return { kind: "error", text: fields.error };
    case MessageType.ping:
    case MessageType.ack: {
      const message = readMessage(type, fields);
      return message.kind === "ping" || message.kind === "ack" ? message : bad("unknown type");
    }
    default:
      return bad("unknown type");
  }
}

/** How many members and bytes follow the head of a push-pull or user message, for whoever cuts a stream into messages. */
export function decodeStreamHead(bytes: Uint8Array): Decoded<{ kind: "head"; members: number; tail: number }> {
  const reader = new MsgpackReader(bytes, 1);
  const fields = readFields(reader);
  if (reader.failure !== undefined) return bad(reader.failure);
  return { kind: "head", members: fields.nodes, tail: fields.userStateLen + fields.userMsgLen };
}

function readPushPull(bytes: Uint8Array, reader: MsgpackReader, head: Fields): Decoded<StreamMessage> {
  const members: RemoteMember[] = [];
  for (let i = 0; i < head.nodes; i++) {
    const member = readFields(reader);
    if (reader.failure !== undefined) return bad(reader.failure);
    if (member.name === "") return bad("member without a name");
    const { name, address, port, meta, incarnation, state, versions } = member;
    members.push({ name, address, port, meta, incarnation, state, versions });
  }
  const end = reader.at + head.userStateLen;
  if (end > bytes.length) return bad("cut short");
  return { kind: "push-pull", join: head.join, members, userState: new Uint8Array(bytes.subarray(reader.at, end)) };
}

function readMessage(type: number, fields: Fields): Decoded<Message> {
  const { sequence, node, incarnation } = fields;
  switch (type) {
    case MessageType.ping:
      return { kind: "ping", sequence, node, ...sourceOf(fields) };
    case MessageType.indirectPing:
      if (fields.target.length === 0 || node === "") return bad("indirect ping of nobody");
      return {
        kind: "indirect-ping",
        sequence,
        node,
        target: fields.target,
        port: fields.port,
        nack: fields.nack,
        ...sourceOf(fields),
      };
    case MessageType.ack:
      return { kind: "ack", sequence, payload: fields.payload };
    case MessageType.nack:
      return { kind: "nack", sequence };
    case MessageType.suspect:
    case MessageType.dead:
      if (node === "") return bad("accusation of nobody");
      // The accused could not name a higher one to contradict.
      if (incarnation >= MAX_INCARNATION) return bad("number too large");
      return { kind: type === MessageType.dead ? "dead" : "suspect", incarnation, node, from: fields.from };
    case MessageType.alive:
      if (node === "") return bad("member without a name");
      if (fields.address.length !== 4 && fields.address.length !== 16) return bad("address of neither 4 nor 16 bytes");
      return {
        kind: "alive",
        incarnation,
        node,
        address: fields.address,
        port: fields.port,
        meta: fields.meta,
        versions: fields.versions,
      };
    default:
      return bad("unknown type");
  }
}

function sourceOf(fields: Fields): { sourceAddress: Uint8Array; sourcePort: number; sourceNode: string } {
  return { sourceAddress: fields.sourceAddress, sourcePort: fields.sourcePort, sourceNode: fields.sourceNode };
}

/** Every field of every message; what a message does not have keeps its empty value. */
class Fields implements RemoteMember {
  name = "";
  node = "";
  from = "";
  sequence = 0;
  incarnation = 0;
  address: Uint8Array = NO_BYTES;
  port = 0;
  meta: Uint8Array = NO_BYTES;
  versions: Uint8Array = NO_BYTES;
  state = 0;
  payload: Uint8Array = NO_BYTES;
  target: Uint8Array = NO_BYTES;
  sourceAddress: Uint8Array = NO_BYTES;
  sourcePort = 0;
  sourceNode = "";
  nack = false;
  join = false;
  nodes = 0;
  userStateLen = 0;
  userMsgLen = 0;
  error = "";
}

function readFields(reader: MsgpackReader): Fields {
  const fields = new Fields();
  const pairs = reader.map(MAX_FIELDS);
  for (let i = 0; i < pairs && reader.failure === undefined; i++) readField(reader, fields);
  return fields;
}

/** A field with an unknown name is passed over: later versions may add some. */
function readField(reader: MsgpackReader, into: Fields): void {
  const name = reader.key(KNOWN);
  const read = READERS.get(name);
  if (read === undefined) reader.skip();
  else read(reader, into);
}

type ReadField = (reader: MsgpackReader, into: Fields) => void;

const ADDRESS_BYTES = 16;
const VERSION_BYTES = 6;
const PAYLOAD_BYTES = 65_535;
const U16 = 0xffff;
const U32 = 0xffff_ffff;
const ERROR_BYTES = 4096;
const STATES = 3;

const READERS: ReadonlyMap<string, ReadField> = new Map<string, ReadField>([
  ["Addr", (from, into) => void (into.address = from.bytes(ADDRESS_BYTES))],
  ["Error", (from, into) => void (into.error = from.text(ERROR_BYTES))],
  ["From", (from, into) => void (into.from = from.text(MAX_NAME_BYTES))],
  ["Incarnation", (from, into) => void (into.incarnation = from.uint(MAX_INCARNATION))],
  ["Join", (from, into) => void (into.join = from.bool())],
  ["Meta", (from, into) => void (into.meta = from.bytes(MAX_META_BYTES))],
  ["Nack", (from, into) => void (into.nack = from.bool())],
  ["Name", (from, into) => void (into.name = from.text(MAX_NAME_BYTES))],
  ["Node", (from, into) => void (into.node = from.text(MAX_NAME_BYTES))],
  ["Nodes", (from, into) => void (into.nodes = from.uint(MAX_MEMBERS))],
  ["Payload", (from, into) => void (into.payload = from.bytes(PAYLOAD_BYTES))],
  ["Port", (from, into) => void (into.port = from.uint(U16))],
  ["SeqNo", (from, into) => void (into.sequence = from.uint(U32))],
  ["SourceAddr", (from, into) => void (into.sourceAddress = from.bytes(ADDRESS_BYTES))],
  ["SourceNode", (from, into) => void (into.sourceNode = from.text(MAX_NAME_BYTES))],
  ["SourcePort", (from, into) => void (into.sourcePort = from.uint(U16))],
  ["State", (from, into) => void (into.state = from.uint(STATES))],
  ["Target", (from, into) => void (into.target = from.bytes(ADDRESS_BYTES))],
  ["UserMsgLen", (from, into) => void (into.userMsgLen = from.uint(MAX_STREAM_BYTES))],
  ["UserStateLen", (from, into) => void (into.userStateLen = from.uint(MAX_STREAM_BYTES))],
  ["Vsn", (from, into) => void (into.versions = from.bytes(VERSION_BYTES))],
]);

const KNOWN = new KeyTable([...READERS.keys()]);

function bad(why: string): { readonly kind: "bad"; readonly why: string } {
  return { kind: "bad", why };
}
