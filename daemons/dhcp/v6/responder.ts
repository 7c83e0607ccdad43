import type { Link6, Settings6 } from "../settings/settings.ts";
import type { LeaseChange } from "../answer/decision.ts";
import type { Authority } from "../leases/authority.ts";
import { isHeld, type Lease } from "../leases/lease.ts";
import type { LeaseTable } from "../leases/lease-table.ts";
import type { Ipv4 } from "../packet/ipv4.ts";
import { Associations, type AnsweredAssociation } from "./answer-association.ts";
import type { Association } from "./association.ts";
import { readClient6, type Client6 } from "./client.ts";
import { MESSAGE, STATUS } from "./codes.ts";
import { isInside6, valueOf } from "./handles.ts";
import { linksFor } from "./links-for.ts";
import type { Option6, Packet6 } from "./message.ts";
import { writeReply, type ReplyParts } from "./reply.ts";

export interface ResponderDeps6 {
  readonly settings: Settings6;
  readonly table: LeaseTable;
  readonly authority: Authority;
  /** This server's identifier. */
  readonly duid: Uint8Array;
  /** What goes into answers of a type to a client that takes a word before it asks. */
  readonly reconfigure?: (clientId: Uint8Array | undefined, type: number) => readonly Option6[];
}

/** As for IPv4: the table knows of `changes` already, and nothing is said before all of them are durable. */
export type Decision6 =
  | { readonly kind: "ignore"; readonly reason: string }
  | { readonly kind: "look-up"; readonly numbers: readonly Ipv4[] }
  | {
      readonly kind: "answer";
      readonly changes: readonly LeaseChange[];
      /** The whole datagram. `taken`: what others turned out to have. */
      readonly write: (taken: ReadonlySet<Ipv4>) => Uint8Array;
    };

interface Question6 {
  readonly packet: Packet6;
  readonly client: Client6;
  readonly links: readonly Link6[];
  readonly nowMs: number;
  readonly isLast: boolean;
}

/** DHCPv6 as a function: (table, packet, time) → what to make durable and what to say then (RFC 8415 §18.3). */
export class Responder6 {
  readonly #deps: ResponderDeps6;
  readonly #associations: Associations;

  constructor(deps: ResponderDeps6) {
    this.#deps = deps;
    this.#associations = new Associations(deps);
  }

  /** `at.interface`: the one it came in on; empty where a route brought it. */
  handle(
    packet: Packet6,
    at: { readonly interface: string; readonly nowMs: number; readonly isLast: boolean },
  ): Decision6 {
    const client = readClient6(packet);
    if (client === undefined) return ignore("an identifier that is none");
    const { authority, duid, settings } = this.#deps;
    const { type } = packet.message;
    const wrong = wrongIdentifiers(type, client, duid);
    if (wrong !== undefined) return ignore(wrong);
    const links = linksFor(settings, packet.relays, at.interface);
    if (links.length === 0) return ignore("no network is configured where this comes from");
    if (type === MESSAGE.informationRequest)
      return this.#answer({ packet, client, links, ...at }, { type: MESSAGE.reply, answered: [] });
    if (!authority.mayServe(at.nowMs)) return ignore("the leases of the others are unknown");
    const question: Question6 = { packet, client, links, nowMs: at.nowMs, isLast: at.isLast || !authority.canLookUp };
    switch (type) {
      case MESSAGE.solicit:
        return this.#solicit(question);
      case MESSAGE.request:
        return this.#request(question);
      case MESSAGE.renew:
      case MESSAGE.rebind:
        return this.#extend(question);
      case MESSAGE.confirm:
        return this.#confirm(question);
      case MESSAGE.release:
        return this.#end(question, "released");
      case MESSAGE.decline:
        return this.#end(question, "declined");
      default:
        return ignore("a message that servers send, or one nobody knows");
    }
  }

  #solicit(question: Question6): Decision6 {
    const { client } = question;
    const strange = this.#strange(question);
    if (strange !== undefined) return strange;
    const isRapid = this.#deps.settings.rapidCommit && client.wantsRapid;
    const answered = client.associations.map((each) =>
      isRapid ? this.#associations.give(question, each) : this.#associations.offer(question, each),
    );
    const gives = answered.some(({ given }) => given.length > 0);
    // Others may have what this one lacks.
    if (!gives && (this.#deps.authority.isShared || client.associations.length === 0))
      return ignore("nothing is free for this client");
    const type = isRapid ? MESSAGE.reply : MESSAGE.advertise;
    return this.#answer(question, { type, answered, isRapid });
  }

  #request(question: Question6): Decision6 {
    const strange = this.#strange(question);
    if (strange !== undefined) return strange;
    const answered = question.client.associations.map((each) => this.#associations.give(question, each));
    // What was offered may have gone to another instance; one that may give is asked next.
    if (this.#deps.authority.isShared && answered.some(({ isBeyond }) => isBeyond))
      return ignore("the promise would reach further than this instance may promise");
    return this.#answer(question, { type: MESSAGE.reply, answered });
  }

  /** §18.3.4 and §18.3.5. */
  #extend(question: Question6): Decision6 {
    const { client, packet } = question;
    const strange = this.#strange(question);
    if (strange !== undefined) return strange;
    const isRenew = packet.message.type === MESSAGE.renew;
    const extended = client.associations.map((each) => this.#associations.extend(question, each));
    // Whoever asks all servers would be given something by each.
    const answered = isRenew ? extended.map((each) => this.#associations.replace(question, each)) : extended;
    const knows = answered.some(({ given, gone }) => given.length > 0 || gone.length > 0);
    if (!knows && !isRenew) return ignore("bindings that another server may have made");
    return this.#answer(question, { type: MESSAGE.reply, answered });
  }

  /** §18.3.3: whether its addresses belong where it is now. */
  #confirm(question: Question6): Decision6 {
    const { client, links } = question;
    const addresses = client.associations.flatMap(({ kind, items }) => (kind === "address" ? items : []));
    if (addresses.length === 0) return ignore("nothing to confirm");
    const isHere = addresses.every((text) => links.some(({ network }) => isInside6(valueOf(text) ?? -1n, network)));
    const status = isHere
      ? { code: STATUS.success, message: "all of them belong here" }
      : { code: STATUS.notOnLink, message: "not an address of this network" };
    return this.#answer(question, { type: MESSAGE.reply, answered: [], status });
  }

  #end(question: Question6, state: "released" | "declined"): Decision6 {
    const { client, nowMs } = question;
    const { table, settings } = this.#deps;
    const changes: LeaseChange[] = [];
    const answered: AnsweredAssociation[] = [];
    for (const association of client.associations) {
      const held = this.#associations.heldBy(client, association);
      if (held.length === 0) answered.push(this.#associations.unknown(association));
      for (const before of held) {
        const endMs = state === "declined" ? nowMs + settings.leases.declineMs : before.endMs;
        const lease: Lease = { ...before, state, startMs: nowMs, endMs };
        table.put(lease, nowMs);
        changes.push({ lease, before, event: state });
      }
    }
    const status = { code: STATUS.success, message: state };
    return this.#answer(question, { type: MESSAGE.reply, answered, status, changes });
  }

  /** What a client says it has, and nobody knows here, another instance may have given a moment ago. */
  #strange(question: Question6): Decision6 | undefined {
    if (question.isLast) return undefined;
    const { client } = question;
    const numbers = client.associations.flatMap((each) => this.#strangeOf(client, each, question.nowMs));
    return numbers.length === 0 ? undefined : { kind: "look-up", numbers };
  }

  #strangeOf(client: Client6, association: Association, nowMs: number): readonly Ipv4[] {
    const { settings, table } = this.#deps;
    if (this.#associations.heldBy(client, association).some((lease) => isHeld(lease, nowMs))) return [];
    return association.items.flatMap((text) => {
      const number = settings.leases.family.addresses.parse(text);
      return number === undefined || table.get(number)?.client === this.#associations.keyOf(client, association)
        ? []
        : [number];
    });
  }

  #answer(
    question: Pick<Question6, "packet" | "client" | "links">,
    parts: Pick<ReplyParts, "type" | "answered" | "status" | "isRapid"> & { readonly changes?: readonly LeaseChange[] },
  ): Decision6 {
    const { duid, settings, reconfigure } = this.#deps;
    const { clientId, takesWord } = question.client;
    const more = takesWord ? (reconfigure?.(clientId, parts.type) ?? []) : [];
    const changes = [...(parts.changes ?? []), ...parts.answered.flatMap((each) => each.changes)];
    const write = (taken: ReadonlySet<Ipv4>): Uint8Array =>
      writeReply(question, { ...parts, duid, settings, taken, more });
    return { kind: "answer", changes, write };
  }
}

/** §16: which identifiers a message has to carry, and which it must not. */
function wrongIdentifiers(type: number, { clientId, serverId }: Client6, duid: Uint8Array): string | undefined {
  const isOurs = serverId !== undefined && Buffer.compare(serverId, duid) === 0;
  if (type === MESSAGE.informationRequest)
    return serverId === undefined || isOurs ? undefined : "meant for another server";
  if (clientId === undefined) return "the client does not say who it is";
  const names: readonly number[] = [MESSAGE.request, MESSAGE.renew, MESSAGE.release, MESSAGE.decline];
  if (names.includes(type)) return isOurs ? undefined : "meant for another server";
  return serverId === undefined ? undefined : "a message to all that names a server";
}

function ignore(reason: string): Decision6 {
  return { kind: "ignore", reason };
}
