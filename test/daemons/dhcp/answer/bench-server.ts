import { Responder } from "#daemons/dhcp/answer/responder.ts";
import type { Decision } from "#daemons/dhcp/answer/decision.ts";
import { ALONE, type Authority } from "#daemons/dhcp/leases/authority.ts";
import { LeaseTable } from "#daemons/dhcp/leases/lease-table.ts";
import { formatIpv4 } from "#daemons/dhcp/packet/ipv4.ts";
import { MESSAGE_NAMES } from "#daemons/dhcp/packet/option-codes.ts";
import { optionCoded } from "#daemons/dhcp/packet/option-table.ts";
import { showOption } from "#daemons/dhcp/packet/option-value.ts";
import type { DhcpPacket } from "#daemons/dhcp/packet/packet.ts";
import { compileSettings } from "#daemons/dhcp/settings/compile.ts";
import { askBytes, ip, packetOf, type Ask } from "../packets.ts";

/** What came of a packet, in words. */
export interface Answer {
  /** A message's name, or the decision's kind. */
  readonly said: string;
  readonly yiaddr: string;
  readonly to: string;
  readonly reason: string;
  readonly packet: DhcpPacket | undefined;
  readonly decision: Decision;
  option(code: number): string | undefined;
}

/** Decisions without sockets or disks, at a time that the test sets. */
export class BenchServer {
  nowMs = 1_790_000_000_000;
  readonly table: LeaseTable;
  readonly #responder: Responder;

  constructor(raw: unknown, authority: Authority = ALONE) {
    const settings = compileSettings(raw);
    if (!settings.ok) throw new Error(settings.error.message);
    this.table = new LeaseTable(settings.value);
    this.#responder = new Responder({ settings: settings.value, table: this.table, authority });
  }

  ask(ask: Ask, on: Where = {}): Answer {
    return this.hear(askBytes(ask), on);
  }

  hear(bytes: Uint8Array, on: Where = {}): Answer {
    this.table.sweep(this.nowMs);
    const arrival = { interface: on.interface ?? "lan0", self: ip(on.self ?? "192.168.1.1") };
    const at = { nowMs: this.nowMs, isLast: on.isLast ?? true };
    const decision = this.#responder.handle(packetOf(bytes), arrival, at);
    if (decision.kind === "grant") this.table.settle(decision.change.lease);
    return answerOf(decision);
  }

  /** At port 4011, from a client that has an address. */
  askBoot(ask: Ask, from: string): Answer {
    const arrival = { interface: "lan0", self: ip("192.168.1.1") };
    return answerOf(this.#responder.boot(packetOf(askBytes(ask)), arrival, { ip: ip(from), port: 4011 }));
  }

  /** All four messages; the address. */
  lease(mac: string, more: Partial<Ask> = {}): string {
    const offer = this.ask({ type: 1, mac, ...more });
    const serverId = offer.option(54);
    if (offer.said !== "offer" || serverId === undefined) return offer.said;
    const ack = this.ask({ mac, ...more, type: 3, requested: offer.yiaddr, serverId });
    return ack.said === "ack" ? ack.yiaddr : ack.said;
  }
}

interface Where {
  readonly interface?: string;
  readonly self?: string;
  readonly isLast?: boolean;
}

function answerOf(decision: Decision): Answer {
  const reply = "reply" in decision ? decision.reply : undefined;
  const packet = reply === undefined ? undefined : packetOf(reply.bytes);
  const to = reply?.to;
  return {
    said: reply === undefined ? decision.kind : (MESSAGE_NAMES[reply.type] ?? String(reply.type)),
    yiaddr: formatIpv4(packet?.yiaddr ?? 0),
    to: to === undefined ? "" : to.kind === "broadcast" ? "broadcast" : `${to.kind} ${formatIpv4(to.ip)}`,
    reason: decision.kind === "ignore" ? decision.reason : "",
    packet,
    decision,
    option(code) {
      const value = packet?.options.get(code);
      return value === undefined ? undefined : showOption(optionCoded(code).kind, value);
    },
  };
}
