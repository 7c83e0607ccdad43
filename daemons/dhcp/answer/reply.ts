import { encodePacket, LEAST_MAX_BYTES, type WireOption } from "../packet/encode.ts";
import { BROADCAST, ipv4Bytes, type Ipv4 } from "../packet/ipv4.ts";
import * as code from "../packet/option-codes.ts";
import { FLAG_BROADCAST, OP_REPLY, type DhcpPacket } from "../packet/packet.ts";
import type { Settings } from "../settings/settings.ts";
import { bootAnswer } from "./boot.ts";
import { macText } from "./client-key.ts";
import type { Destination, Reply } from "./decision.ts";
import { nameFor, type Party } from "./party.ts";
import { replyOptions } from "./reply-options.ts";

const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const ETHERNET = 1;
/** Where a relay may put more into it on the way. */
const RELAY_MAX_BYTES = 1472;

/** Instead of a message's type: an answer to BOOTP has none. */
export const BOOTP = 0;
/** What BOOTP does not know. */
const OF_DHCP = [code.MESSAGE_TYPE, code.SERVER_ID];

export interface Said {
  /** OFFER, ACK or {@link BOOTP}. */
  readonly type: number;
  /** 0 where no address is given (inform). */
  readonly yiaddr: Ipv4;
  /** Undefined: no lease. */
  readonly leaseMs: number | undefined;
  /** This server's own address where the packet came in. */
  readonly self: Ipv4;
  readonly rapid?: boolean;
}

export function positiveReply(
  settings: Settings,
  packet: DhcpPacket,
  from: { readonly party: Party; readonly said: Said },
): Reply {
  const { party, said } = from;
  const boot = bootAnswer(settings, party, packet);
  const facts = { ...said, serverId: party.serverId, name: nameFor(party) };
  const options = withBoot(replyOptions(settings, party, facts), boot.options, said);
  const { ciaddr } = said.type === code.ACK ? packet : { ciaddr: 0 };
  const encoded = encodePacket(
    {
      ...answering(packet),
      ciaddr,
      yiaddr: said.yiaddr,
      siaddr: boot.siaddr,
      sname: boot.sname,
      file: boot.file,
      options,
    },
    packet.giaddr === 0 ? party.client.maxBytes : Math.min(RELAY_MAX_BYTES, party.client.maxBytes),
  );
  return { bytes: encoded.bytes, dropped: encoded.dropped, type: said.type, to: destinationOf(packet, said.yiaddr) };
}

/**
 * What to boot and nothing else, for a client whose address is another server's. Undefined: no rule is for it, or it does not
 * boot from the network. `to` absent: as an offer goes to whoever has no address.
 */
export function bootReply(
  settings: Settings,
  packet: DhcpPacket,
  from: { readonly party: Party; readonly type: number; readonly to?: Destination },
): Reply | undefined {
  const { party, type } = from;
  const boot = bootAnswer(settings, party, packet);
  if (boot.siaddr === 0 || (!party.tags.has("pxe") && !party.tags.has("http"))) return undefined;
  const relayInfo = packet.options.get(code.RELAY_INFO);
  const { bytes, dropped } = encodePacket(
    {
      ...answering(packet),
      ciaddr: type === code.ACK ? packet.ciaddr : 0,
      siaddr: boot.siaddr,
      sname: boot.sname,
      file: boot.file,
      options: [
        [code.MESSAGE_TYPE, Uint8Array.of(type)],
        [code.SERVER_ID, ipv4Bytes(party.serverId)],
        ...boot.options,
        ...(relayInfo === undefined ? [] : [[code.RELAY_INFO, relayInfo] as const]),
      ],
    },
    packet.giaddr === 0 ? party.client.maxBytes : Math.min(RELAY_MAX_BYTES, party.client.maxBytes),
  );
  return { bytes, dropped, type, to: from.to ?? destinationOf(packet, 0) };
}

/** What every answer takes over from the question. */
function answering(packet: DhcpPacket) {
  const { htype, xid, flags, giaddr, chaddr } = packet;
  const none = { ciaddr: 0, yiaddr: 0, siaddr: 0, sname: "", file: "" };
  return { ...none, op: OP_REPLY, htype, hops: 0, xid, secs: 0, flags, giaddr, chaddr };
}

/** Most answers have nothing to boot, and their options are in order as they are. */
function withBoot(plain: readonly WireOption[], boot: readonly WireOption[], said: Said): readonly WireOption[] {
  const isRapid = said.rapid === true;
  if (boot.length === 0 && !isRapid && said.type !== BOOTP) return plain;
  const merged = new Map([...plain, ...boot]);
  if (said.type === BOOTP) for (const option of OF_DHCP) merged.delete(option);
  if (isRapid) merged.set(code.RAPID_COMMIT, new Uint8Array());
  return [...merged].toSorted(([a], [b]) => rank(a) - rank(b));
}

/** What makes the answer one goes first, the relay's own last (RFC 3046 §2.2). */
function rank(option: number): number {
  if (option === code.RELAY_INFO) return 2;
  return option === code.MESSAGE_TYPE || option === code.SERVER_ID || option === code.RAPID_COMMIT ? 0 : 1;
}

/** "No" (RFC 2131 §4.3.2): only what table 3 allows is in it, and everybody hears it. */
export function negativeReply(packet: DhcpPacket, serverId: Ipv4, message: string): Reply {
  const relayInfo = packet.options.get(code.RELAY_INFO);
  const clientId = packet.options.get(code.CLIENT_ID);
  const { bytes, dropped } = encodePacket(
    {
      ...answering(packet),
      // The relay, too, has to broadcast it.
      flags: packet.giaddr === 0 ? packet.flags : packet.flags | FLAG_BROADCAST,
      options: [
        [code.MESSAGE_TYPE, Uint8Array.of(code.NAK)],
        [code.SERVER_ID, ipv4Bytes(serverId)],
        [code.MESSAGE, Buffer.from(message)],
        ...(clientId === undefined ? [] : [[code.CLIENT_ID, clientId] as const]),
        ...(relayInfo === undefined ? [] : [[code.RELAY_INFO, relayInfo] as const]),
      ],
    },
    LEAST_MAX_BYTES,
  );
  const to: Destination =
    packet.giaddr === 0 ? { kind: "broadcast" } : { kind: "host", ip: packet.giaddr, port: SERVER_PORT };
  return { bytes, dropped, type: code.NAK, to };
}

/** RFC 2131 §4.1: the relay, the address the client has, everybody where it asks for that, else its hardware. */
function destinationOf(packet: DhcpPacket, yiaddr: Ipv4): Destination {
  if (packet.giaddr !== 0) return { kind: "host", ip: packet.giaddr, port: SERVER_PORT };
  if (packet.ciaddr !== 0) return { kind: "host", ip: packet.ciaddr, port: CLIENT_PORT };
  const isPlain = packet.htype === ETHERNET && packet.chaddr.length === 6 && yiaddr !== 0 && yiaddr !== BROADCAST;
  if ((packet.flags & FLAG_BROADCAST) !== 0 || !isPlain) return { kind: "broadcast" };
  return { kind: "hardware", ip: yiaddr, mac: macText(packet.chaddr) };
}
