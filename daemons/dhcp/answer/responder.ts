import type { Authority } from "../leases/authority.ts";
import { isHeld, type Lease } from "../leases/lease.ts";
import type { LeaseTable } from "../leases/lease-table.ts";
import { isInside, type Ipv4 } from "../packet/ipv4.ts";
import * as code from "../packet/option-codes.ts";
import { OP_REQUEST, type DhcpPacket } from "../packet/packet.ts";
import type { Settings } from "../settings/settings.ts";
import { readClient, type Client } from "./client.ts";
import { ignore, type Decision, type Reply } from "./decision.ts";
import { grant, offerable } from "./grant.ts";
import { partyIn, type Party } from "./party.ts";
import { BOOTP, bootReply, negativeReply, positiveReply } from "./reply.ts";
import { Reservations } from "./reservations.ts";
import { subnetsFor, type Arrival } from "./subnets.ts";

export interface ResponderDeps {
  readonly settings: Settings;
  readonly table: LeaseTable;
  readonly authority: Authority;
}

interface Question {
  readonly packet: DhcpPacket;
  readonly client: Client;
  readonly arrival: Arrival;
  readonly parties: readonly Party[];
  readonly nowMs: number;
}

/**
 * DHCP as a function: (table, packet, time) → what to make durable and what to say then (RFC 2131 §4.3). The table is
 * changed at once, so that the next packet is decided on what this one was promised.
 */
export class Responder {
  readonly #deps: ResponderDeps;
  readonly #reservations: Reservations;

  constructor(deps: ResponderDeps) {
    this.#deps = deps;
    this.#reservations = new Reservations(deps.settings.reservations);
  }

  /** `isLast`: whoever shares the leases was asked already. */
  handle(packet: DhcpPacket, arrival: Arrival, at: { readonly nowMs: number; readonly isLast: boolean }): Decision {
    if (packet.op !== OP_REQUEST) return ignore("not from a client");
    const type = packet.options.get(code.MESSAGE_TYPE);
    if (type !== undefined && type.length !== 1) return ignore("a message type that is none");
    if (packet.chaddr.length === 0 && !packet.options.has(code.CLIENT_ID))
      return ignore("the client does not say who it is");
    const client = readClient(packet);
    const { settings, authority } = this.#deps;
    const subnets = subnetsFor(settings, { packet, client, arrival });
    if (subnets.length === 0) return ignore("no subnet is configured where this comes from");
    if (!authority.mayServe(at.nowMs)) return ignore("the leases of the others are unknown");
    const serverId = serverIdFor(client, arrival);
    const about = { client, settings, serverId, reservations: this.#reservations };
    const parties = subnets.map((subnet) => partyIn(subnet, about));
    const question: Question = { packet, client, arrival, parties, nowMs: at.nowMs };
    if (parties.every(({ subnet }) => subnet.isProxy === true)) return this.#proxy(question);
    switch (type?.[0]) {
      case undefined:
        return this.#bootp(question);
      case code.DISCOVER:
        return this.#discover(question, at.isLast || !authority.canLookUp);
      case code.REQUEST:
        return this.#request(question, at.isLast || !authority.canLookUp);
      case code.DECLINE:
        return this.#decline(question);
      case code.RELEASE:
        return this.#release(question);
      case code.INFORM:
        return this.#inform(question);
      default:
        return ignore("a message that servers send, or one nobody knows");
    }
  }

  /** What came to port 4011: the address is there already, and the boot file is asked for (PXE 2.1 §2.2.4). */
  boot(packet: DhcpPacket, arrival: Arrival, from: { readonly ip: Ipv4; readonly port: number }): Decision {
    const type = packet.options.get(code.MESSAGE_TYPE)?.[0];
    if (packet.op !== OP_REQUEST || (type !== code.REQUEST && type !== code.INFORM && type !== code.DISCOVER))
      return ignore("not from a client");
    const { settings } = this.#deps;
    const client = readClient(packet);
    const about = { client, settings, serverId: serverIdFor(client, arrival), reservations: this.#reservations };
    const to = { kind: "host", ip: packet.ciaddr === 0 ? from.ip : packet.ciaddr, port: from.port } as const;
    for (const subnet of subnetsFor(settings, { packet, client, arrival })) {
      const reply = bootReply(settings, packet, { party: partyIn(subnet, about), type: code.ACK, to });
      if (reply !== undefined) return { kind: "reply", reply };
    }
    return ignore("there is nothing to boot for this client");
  }

  /** proxyDHCP (PXE 2.1 §2.2.3): an offer without an address, beside that of the server which has them. */
  #proxy({ packet, parties }: Question): Decision {
    if (packet.options.get(code.MESSAGE_TYPE)?.[0] !== code.DISCOVER)
      return ignore("another server gives the addresses here");
    for (const party of parties) {
      const reply = bootReply(this.#deps.settings, packet, { party, type: code.OFFER });
      if (reply !== undefined) return { kind: "reply", reply };
    }
    return ignore("another server gives the addresses here, and there is nothing to boot for this client");
  }

  #discover(question: Question, isLast: boolean): Decision {
    const { packet, client, parties, nowMs, arrival } = question;
    const asked = isLast ? undefined : this.#strangeWish(question);
    if (asked !== undefined) return { kind: "look-up", ip: client.requested, subnet: asked.subnet.id };
    for (const party of parties) {
      const found = offerable(this.#deps, party, nowMs);
      if (found === undefined) continue;
      const isRapid = this.#deps.settings.rapidCommit && packet.options.has(code.RAPID_COMMIT);
      if (isRapid) {
        return this.#grant(question, party, { ip: found.ip, isRapid });
      }
      this.#deps.table.offer({ ip: found.ip, subnet: party.subnet.id, client: client.key }, nowMs);
      const said = { type: code.OFFER, yiaddr: found.ip, leaseMs: found.leaseMs, self: arrival.self };
      return { kind: "reply", reply: positiveReply(this.#deps.settings, packet, { party, said }) };
    }
    return ignore("no address is free for this client");
  }

  /** A newcomer that names an address may have had it from another instance a moment ago. */
  #strangeWish({ client, parties, nowMs }: Question): Party | undefined {
    const { table } = this.#deps;
    const party = parties.find(({ subnet }) => client.requested !== 0 && isInside(client.requested, subnet.network));
    if (party === undefined || table.get(client.requested)?.client === client.key) return undefined;
    return isHeld(table.leaseOf(party.subnet.id, client.key), nowMs) ? undefined : party;
  }

  /** The four states a REQUEST is sent in, told apart as RFC 2131 §4.3.2 has it. */
  #request(question: Question, isLast: boolean): Decision {
    const { packet, client } = question;
    if (client.serverId !== undefined) return this.#selecting(question);
    const ip = packet.ciaddr === 0 ? client.requested : packet.ciaddr;
    if (ip === 0) return ignore("a request for no address");
    return this.#returning(question, { ip, isLast });
  }

  /** The client chose among offers. */
  #selecting(question: Question): Decision {
    const { client, parties, packet, nowMs } = question;
    const [first] = parties;
    const ip = client.requested === 0 ? packet.ciaddr : client.requested;
    if (client.serverId !== first?.serverId) {
      this.#forgetOffers(question);
      return ignore("the client chose another server");
    }
    const party = parties.find(({ subnet }) => isInside(ip, subnet.network));
    if (party === undefined) return this.#refuse(question, "that address is not of this network");
    const offer = this.#deps.table.offerOf(party.subnet.id, client.key, nowMs);
    if ((offer?.ip === ip && this.#isStillOurs(party, ip, nowMs)) || this.#mayHave(party, ip, nowMs))
      return this.#grant(question, party, { ip });
    return this.#refuse(question, "that address is not for this client");
  }

  /** It comes back with an address: after a restart (§4.3.2 INIT-REBOOT), or to renew or rebind. */
  #returning(question: Question, { ip, isLast }: { readonly ip: Ipv4; readonly isLast: boolean }): Decision {
    const { client, parties, nowMs, packet } = question;
    const party = parties.find(({ subnet }) => isInside(ip, subnet.network));
    if (party === undefined)
      // A renewal may come by routed unicast through an interface of another network.
      return packet.ciaddr === 0
        ? this.#refuse(question, "that address is not of this network")
        : ignore("an address of another network");
    const lease = this.#deps.table.get(ip);
    if (lease?.client === client.key && this.#mayHave(party, ip, nowMs)) return this.#grant(question, party, { ip });
    if (!isLast) return { kind: "look-up", ip, subnet: party.subnet.id };
    if (isHeld(lease, nowMs) && lease?.client !== client.key)
      return this.#refuse(question, "that address is somebody else's");
    if (this.#mayHave(party, ip, nowMs)) return this.#grant(question, party, { ip });
    if (this.#deps.authority.isShared && this.#deps.table.homeOf(ip) !== undefined)
      return ignore("an address that another instance may have given");
    return this.#refuse(question, "that address is not for this client");
  }

  /** What was offered can have gone to another instance since. */
  #isStillOurs({ client, reservation }: Party, ip: Ipv4, nowMs: number): boolean {
    const { table, authority } = this.#deps;
    const lease = table.get(ip);
    if (reservation?.ip === ip || (lease?.client === client.key && isHeld(lease, nowMs))) return true;
    const home = table.homeOf(ip);
    return home !== undefined && authority.owns(home.subnet, home.pool.blockOf(ip));
  }

  /** Its own, reserved for it, or free to be given. */
  #mayHave(party: Party, ip: Ipv4, nowMs: number): boolean {
    const { table, authority } = this.#deps;
    const { client, reservation } = party;
    const lease = table.get(ip);
    const offer = table.offerAt(ip, nowMs);
    if (lease?.state === "declined" && lease.endMs > nowMs) return false;
    if (offer !== undefined && offer.client !== client.key) return false;
    if (isHeld(lease, nowMs) && lease?.client !== client.key) return false;
    if (reservation?.ip !== undefined) return reservation.ip === ip;
    if (table.isSetAside(ip)) return false;
    if (lease !== undefined && lease.client === client.key && isHeld(lease, nowMs))
      return table.homeOf(ip) !== undefined;
    return table.isFree({ ip, client: client.key }, authority, nowMs);
  }

  #grant(
    question: Question,
    party: Party,
    to: { readonly ip: Ipv4; readonly isRapid?: boolean; readonly isBootp?: boolean },
  ): Decision {
    const { packet, nowMs, arrival } = question;
    const { settings, table } = this.#deps;
    const made = grant(this.#deps, { party, ip: to.ip, nowMs });
    if (made === undefined) return ignore("the promise would reach further than this instance may promise");
    const { isBootp = false, isRapid: rapid = false } = to;
    const [type, leaseMs] = isBootp ? [BOOTP, undefined] : [code.ACK, made.leaseMs];
    const said = { type, yiaddr: to.ip, leaseMs, self: arrival.self, rapid };
    const reply = positiveReply(settings, packet, { party, said });
    if (made.change === undefined) return { kind: "reply", reply };
    table.hold(made.change.lease, nowMs);
    const refusal = (): Reply | undefined =>
      isBootp ? undefined : negativeReply(packet, party.serverId, "that address was taken meanwhile");
    return { kind: "grant", change: made.change, reply, refusal };
  }

  #refuse({ packet, parties }: Question, message: string): Decision {
    const [party] = parties;
    if (!this.#deps.settings.authoritative || party === undefined) return ignore(message);
    return { kind: "reply", reply: negativeReply(packet, party.serverId, message) };
  }

  /** §4.3.3: somebody else uses it. Nobody gets it for a while. */
  #decline(question: Question): Decision {
    const { client, parties, nowMs } = question;
    const { table, settings } = this.#deps;
    const [first] = parties;
    if (client.serverId !== first?.serverId) return ignore("a decline for another server");
    const lease = table.get(client.requested);
    if (lease === undefined || lease.client !== client.key || lease.state === "declined")
      return ignore("a decline of an address the client was not given");
    const declined: Lease = { ...lease, state: "declined", startMs: nowMs, endMs: nowMs + settings.declineMs };
    table.put(declined, nowMs);
    return { kind: "change", change: { lease: declined, before: lease, event: "declined" } };
  }

  #release({ client, parties, packet, nowMs }: Question): Decision {
    const { table } = this.#deps;
    const [first] = parties;
    if (client.serverId !== undefined && client.serverId !== first?.serverId)
      return ignore("a release for another server");
    const lease = table.get(packet.ciaddr);
    if (lease === undefined || lease.client !== client.key || lease.state !== "bound")
      return ignore("a release of an address the client does not have");
    const released: Lease = { ...lease, state: "released", startMs: nowMs };
    table.put(released, nowMs);
    return { kind: "change", change: { lease: released, before: lease, event: "released" } };
  }

  /** §4.3.5: it has an address from elsewhere and wants the rest. */
  #inform({ packet, parties, arrival }: Question): Decision {
    const ip = packet.ciaddr;
    const party = parties.find(({ subnet }) => isInside(ip, subnet.network)) ?? parties[0];
    if (party === undefined || ip === 0) return ignore("an inform without an address");
    const said = { type: code.ACK, yiaddr: 0, leaseMs: undefined, self: arrival.self };
    return { kind: "reply", reply: positiveReply(this.#deps.settings, packet, { party, said }) };
  }

  /** BOOTP (RFC 951, RFC 1534): what is reserved has not to be made durable; anything else is the client's for a long time. */
  #bootp(question: Question): Decision {
    const { packet, parties, arrival } = question;
    const party = parties.find(({ reservation }) => reservation?.ip !== undefined);
    const ip = party?.reservation?.ip;
    if (party === undefined || ip === undefined) return this.#bootpFromPool(question);
    const said = { type: BOOTP, yiaddr: ip, leaseMs: undefined, self: arrival.self };
    return { kind: "reply", reply: positiveReply(this.#deps.settings, packet, { party, said }) };
  }

  /** The client cannot be told when its address ends: it gets one only where the whole time can be promised. */
  #bootpFromPool(question: Question): Decision {
    const { parties, nowMs, client } = question;
    const { table, settings } = this.#deps;
    const leaseMs = settings.bootpMs;
    if (leaseMs === undefined) return ignore("BOOTP, and nothing is reserved for this client");
    for (const each of parties) {
      const party: Party = { ...each, leaseMs };
      const found = offerable(this.#deps, party, nowMs);
      const isItsOwn = isHeld(table.leaseOf(party.subnet.id, client.key), nowMs);
      if (found !== undefined && (found.leaseMs >= leaseMs || isItsOwn))
        return this.#grant(question, party, { ip: found.ip, isBootp: true });
    }
    return ignore("BOOTP, and no address can be promised for long enough");
  }

  #forgetOffers({ parties, client, nowMs }: Question): void {
    for (const { subnet } of parties) {
      const offer = this.#deps.table.offerOf(subnet.id, client.key, nowMs);
      if (offer !== undefined) this.#deps.table.dropOffer(offer.ip, nowMs);
    }
  }
}

/** The relay's word where it gives one (RFC 5107). */
function serverIdFor({ relay }: Client, { self }: Arrival): Ipv4 {
  const bytes = relay?.serverOverride;
  return bytes === undefined ? self : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}
