import type { Address } from "#base/env/net.ts";
import { COMPOUND_HEAD_BYTES, COMPOUND_PART_BYTES, packMessages } from "../codec/compound.ts";
import { encodeMessage } from "../codec/encode.ts";
import { MessageType, type Message } from "../codec/message.ts";
import type { Core } from "./core.ts";
import type { MemberRecord } from "./member-table.ts";

/** Peers of this protocol and later understand a CRC. */
const CRC_SINCE = 5;
const CRC_BYTES = 5;
const USER_TYPE_BYTES = 1;

/** Sends one message, and fills the datagram up with news. */
export function sendMessage(core: Core, to: Address, message: Message): void {
  sendEncoded(core, to, [encodeMessage(message, core.writer)]);
}

/** The same for messages that belong together. */
export function sendEncoded(core: Core, to: Address, messages: readonly Uint8Array[]): void {
  const used = messages.reduce((sum, message) => sum + message.length + COMPOUND_PART_BYTES, 0);
  const room = core.settings.datagramBytes - used - COMPOUND_HEAD_BYTES - core.options.wire.overhead;
  sendPackets(core, { to, messages: [...messages, ...nextNews(core, room)] });
}

/** Wraps and sends, in as many datagrams as it takes. */
export function sendPackets(
  core: Core,
  { to, messages, peer }: { to: Address; messages: readonly Uint8Array[]; peer?: MemberRecord },
): void {
  const withCrc = (peer?.versions[1] ?? 0) >= CRC_SINCE;
  for (const packet of packMessages(messages)) {
    const bytes = core.options.wire.wrapDatagram(packet, withCrc);
    core.counts.packetsOut += 1;
    core.counts.bytesOut += bytes.length;
    core.outputs.push({ kind: "datagram", to, bytes });
  }
}

/** News of members first, then what the layer above has, into so many bytes of a compound. */
export function nextNews(core: Core, limit: number): Uint8Array[] {
  if (limit <= 0) return [];
  const overhead = COMPOUND_PART_BYTES;
  const news = core.queue.take({ overhead, limit, transmitLimit: transmitLimit(core) });
  const used = news.reduce((sum, message) => sum + message.length + overhead, 0);
  const room = limit - used;
  const around = overhead + USER_TYPE_BYTES;
  if (room <= around) return news;
  const theirs = core.consult(() => core.delegate.nextBroadcasts(around, room), []);
  for (const body of theirs) {
    const message = new Uint8Array(USER_TYPE_BYTES + body.length);
    message[0] = MessageType.user;
    message.set(body, USER_TYPE_BYTES);
    news.push(message);
  }
  return news;
}

/** Bytes a round of gossip may fill in one datagram. */
export function roundBytes(core: Core): number {
  return core.settings.datagramBytes - COMPOUND_HEAD_BYTES - CRC_BYTES - core.options.wire.overhead;
}

export function addressOf(record: MemberRecord): Address {
  return { host: record.host, port: record.port };
}

/** How often each node sends one piece of news (SWIM §4.1: λ log n). */
function transmitLimit(core: Core): number {
  return core.settings.retransmitMultiplier * Math.ceil(Math.log10(core.table.size + 1));
}
