import { MessageType, type Message, type Ping, type RemoteMember, type Source, type StreamMessage } from "./message.ts";
import { MsgpackWriter } from "./msgpack-writer.ts";

/**
 * One message with its type byte. Fields are written in the order of their names, as the Go library sorts them.
 * `writer` is scratch: pass the same one again.
 */
export function encodeMessage(message: Message, writer: MsgpackWriter): Uint8Array {
  writer.reset();
  writeMessage(message, writer);
  return writer.take();
}

function writeMessage(message: Message, writer: MsgpackWriter): void {
  switch (message.kind) {
    case "ping":
      writePing(message, writer);
      return;
    case "indirect-ping":
      begin(writer, MessageType.indirectPing, 5 + sourceFields(message));
      key(writer, KEYS.nack).bool(message.nack);
      key(writer, KEYS.node).text(message.node);
      key(writer, KEYS.port).uint(message.port);
      key(writer, KEYS.seqNo).uint(message.sequence);
      writeSource(message, writer);
      key(writer, KEYS.target).bytesOrNil(message.target);
      return;
    case "ack":
      begin(writer, MessageType.ack, 2);
      key(writer, KEYS.payload).bytesOrNil(message.payload);
      key(writer, KEYS.seqNo).uint(message.sequence);
      return;
    case "nack":
      begin(writer, MessageType.nack, 1);
      key(writer, KEYS.seqNo).uint(message.sequence);
      return;
    case "alive":
      begin(writer, MessageType.alive, 6);
      key(writer, KEYS.addr).bytesOrNil(message.address);
      key(writer, KEYS.incarnation).uint(message.incarnation);
      key(writer, KEYS.meta).bytesOrNil(message.meta);
      key(writer, KEYS.node).text(message.node);
      key(writer, KEYS.port).uint(message.port);
      key(writer, KEYS.vsn).bytesOrNil(message.versions);
      return;
    case "suspect":
    case "dead":
      begin(writer, message.kind === "dead" ? MessageType.dead : MessageType.suspect, 3);
      key(writer, KEYS.from).text(message.from);
      key(writer, KEYS.incarnation).uint(message.incarnation);
      key(writer, KEYS.node).text(message.node);
      return;
    case "user":
      writer.byte(MessageType.user);
      writer.plain(message.body);
      return;
    default:
      message satisfies never;
  }
}

/** The same for a stream, where a user message and state carry their lengths. */
export function encodeStreamMessage(message: StreamMessage, writer: MsgpackWriter): Uint8Array {
  writer.reset();
  switch (message.kind) {
    case "push-pull":
      begin(writer, MessageType.pushPull, 3);
      key(writer, KEYS.join).bool(message.join);
      key(writer, KEYS.nodes).uint(message.members.length);
      key(writer, KEYS.userStateLen).uint(message.userState.length);
      for (const member of message.members) writeMember(member, writer);
      writer.plain(message.userState);
      break;
    case "user":
      begin(writer, MessageType.user, 1);
      key(writer, KEYS.userMsgLen).uint(message.body.length);
      writer.plain(message.body);
      break;
    case "error":
      begin(writer, MessageType.error, 1);
      key(writer, KEYS.error).text(message.text);
      break;
    case "ping":
    case "ack":
      writeMessage(message, writer);
      break;
    default:
      message satisfies never;
  }
  return writer.take();
}

function writePing(message: Ping, writer: MsgpackWriter): void {
  begin(writer, MessageType.ping, 2 + sourceFields(message));
  key(writer, KEYS.node).text(message.node);
  key(writer, KEYS.seqNo).uint(message.sequence);
  writeSource(message, writer);
}

function writeMember(member: RemoteMember, writer: MsgpackWriter): void {
  writer.map(7);
  key(writer, KEYS.addr).bytesOrNil(member.address);
  key(writer, KEYS.incarnation).uint(member.incarnation);
  key(writer, KEYS.meta).bytesOrNil(member.meta);
  key(writer, KEYS.name).text(member.name);
  key(writer, KEYS.port).uint(member.port);
  key(writer, KEYS.state).uint(member.state);
  key(writer, KEYS.vsn).bytesOrNil(member.versions);
}

function begin(writer: MsgpackWriter, type: number, fields: number): void {
  writer.byte(type);
  writer.map(fields);
}

function key(writer: MsgpackWriter, bytes: Uint8Array): MsgpackWriter {
  writer.plain(bytes);
  return writer;
}

/** Fields that are left out when empty. */
function sourceFields(source: Source): number {
  return (
    (source.sourceAddress.length > 0 ? 1 : 0) + (source.sourceNode === "" ? 0 : 1) + (source.sourcePort === 0 ? 0 : 1)
  );
}

function writeSource(source: Source, writer: MsgpackWriter): void {
  if (source.sourceAddress.length > 0) key(writer, KEYS.sourceAddr).bytesOrNil(source.sourceAddress);
  if (source.sourceNode !== "") key(writer, KEYS.sourceNode).text(source.sourceNode);
  if (source.sourcePort !== 0) key(writer, KEYS.sourcePort).uint(source.sourcePort);
}

const KEYS = {
  addr: rawKey("Addr"),
  error: rawKey("Error"),
  from: rawKey("From"),
  incarnation: rawKey("Incarnation"),
  join: rawKey("Join"),
  meta: rawKey("Meta"),
  nack: rawKey("Nack"),
  name: rawKey("Name"),
  node: rawKey("Node"),
  nodes: rawKey("Nodes"),
  payload: rawKey("Payload"),
  port: rawKey("Port"),
  seqNo: rawKey("SeqNo"),
  sourceAddr: rawKey("SourceAddr"),
  sourceNode: rawKey("SourceNode"),
  sourcePort: rawKey("SourcePort"),
  state: rawKey("State"),
  target: rawKey("Target"),
  userMsgLen: rawKey("UserMsgLen"),
  userStateLen: rawKey("UserStateLen"),
  vsn: rawKey("Vsn"),
} as const;

function rawKey(name: string): Uint8Array {
  const writer = new MsgpackWriter();
  writer.text(name);
  return writer.take();
}
