import type { LeaseChange } from "../answer/decision.ts";
import { grant, offerable } from "../answer/grant.ts";
import type { Party } from "../answer/party.ts";
import type { Authority } from "../leases/authority.ts";
import { isHeld, type Lease } from "../leases/lease.ts";
import type { LeaseTable } from "../leases/lease-table.ts";
import type { Ipv4 } from "../packet/ipv4.ts";
import type { Reservation, Subnet, Link6, Settings6 } from "../settings/settings.ts";
import type { Association } from "./association.ts";
import { leaseClient, type Client6 } from "./client.ts";
import { STATUS } from "./codes.ts";
import { isInside6, valueOf } from "./handles.ts";

interface Deps {
  readonly settings: Settings6;
  readonly table: LeaseTable;
  readonly authority: Authority;
}

interface Asked {
  readonly client: Client6;
  readonly links: readonly Link6[];
  readonly nowMs: number;
}

export interface Given {
  readonly number: Ipv4;
  readonly leaseMs: number;
  /** As the DNS is to know it. */
  readonly name: string;
}

/** What comes of one association. */
export interface AnsweredAssociation {
  readonly association: Association;
  readonly given: readonly Given[];
  /** What it may use no more. */
  readonly gone: readonly string[];
  readonly changes: readonly LeaseChange[];
  readonly status: { readonly code: number; readonly message: string } | undefined;
  /** This instance may not give what it would have. */
  readonly isBeyond: boolean;
}

/** What a client gets for one of its associations: of each network of its link that has such, one address or prefix. */
export class Associations {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Kept for the client a while, and promised to nobody. */
  offer(asked: Asked, association: Association): AnsweredAssociation {
    const { table } = this.#deps;
    const given = this.#parties(asked, association).flatMap((party): readonly Given[] => {
      const found = offerable(this.#deps, party, asked.nowMs);
      if (found === undefined) return [];
      table.offer({ ip: found.ip, subnet: party.subnet.id, client: party.client.key }, asked.nowMs);
      return [{ number: found.ip, leaseMs: found.leaseMs, name: party.client.name }];
    });
    return { ...NOTHING, association, given, status: given.length === 0 ? nothingFree(association) : undefined };
  }

  give(asked: Asked, association: Association): AnsweredAssociation {
    const elsewhere = association.items.filter((text) => !this.#isHere(asked, association, text));
    // §18.3.2: a client that moved with an address in hand has to ask anew.
    if (association.kind === "address" && elsewhere.length > 0)
      return {
        ...NOTHING,
        association,
        status: { code: STATUS.notOnLink, message: `${elsewhere[0]} is not of this network` },
      };
    const granted = this.#parties(asked, association).flatMap((party) => {
      const found = offerable(this.#deps, party, asked.nowMs);
      return found === undefined ? [] : [this.#grant(party, found.ip, asked.nowMs)];
    });
    const given = granted.flatMap((each) => each?.given ?? []);
    const changes = granted.flatMap((each) => each?.change ?? []);
    const isBeyond = granted.includes(undefined);
    return {
      ...NOTHING,
      association,
      given,
      changes,
      isBeyond,
      status: given.length === 0 ? nothingFree(association) : undefined,
    };
  }

  /** What the client has is prolonged; what it names and may not have ends. */
  extend(asked: Asked, association: Association): AnsweredAssociation {
    const { addresses } = this.#deps.settings.leases.family;
    const parties = this.#parties(asked, association);
    const granted = parties.flatMap((party) => {
      const number = this.#ownIn(party, association, asked.nowMs);
      return number === undefined ? [] : [this.#grant(party, number, asked.nowMs)];
    });
    const given = granted.flatMap((each) => each?.given ?? []);
    const changes = granted.flatMap((each) => each?.change ?? []);
    const kept = new Set(given.map(({ number }) => addresses.format(number)));
    const gone = association.items.filter((text) => !kept.has(text) && this.#isSurelyNot(asked, association, text));
    const isKnown = given.length > 0 || gone.length > 0;
    const status = isKnown ? undefined : { code: STATUS.noBinding, message: "not known here" };
    return { ...NOTHING, association, given, gone, changes, status };
  }

  /** What it had is over: the same answer gives it something that holds (§18.3.4). */
  replace(asked: Asked, over: AnsweredAssociation): AnsweredAssociation {
    if (over.given.length > 0 || over.gone.length === 0) return over;
    const { given, changes } = this.give(asked, { ...over.association, items: [] });
    return { ...over, given, changes };
  }

  unknown(association: Association): AnsweredAssociation {
    return { ...NOTHING, association, status: { code: STATUS.noBinding, message: "not known here" } };
  }

  /** Of what it names, the leases that are its own. */
  heldBy(client: Client6, association: Association): readonly Lease[] {
    const { settings, table } = this.#deps;
    const key = this.keyOf(client, association);
    return association.items.flatMap((text) => {
      const number = settings.leases.family.addresses.parse(text);
      const lease = number === undefined ? undefined : table.get(number);
      return lease !== undefined && lease.client === key && lease.state === "bound" ? [lease] : [];
    });
  }

  keyOf(client: Client6, { iaid }: Association): string {
    return leaseClient(client, iaid, 0).key;
  }

  #grant(
    party: Party,
    ip: Ipv4,
    nowMs: number,
  ): { readonly given: Given; readonly change: LeaseChange | undefined } | undefined {
    const { table } = this.#deps;
    const made = grant(this.#deps, { party, ip, nowMs });
    if (made === undefined) return undefined;
    if (made.change !== undefined) table.hold(made.change.lease, nowMs);
    const name = made.change?.lease.name ?? table.get(ip)?.name ?? "";
    return { given: { number: ip, leaseMs: made.leaseMs, name }, change: made.change };
  }

  #parties({ client, links }: Asked, association: Association): readonly Party[] {
    const { addresses } = this.#deps.settings.leases.family;
    const named = association.items.flatMap((text) => addresses.parse(text) ?? []);
    return subnetsOf(links, association).map((subnet) => {
      const wanted = named.find((number) => subnet.pools.some(({ first, last }) => number >= first && number <= last));
      const own = leaseClient(client, association.iaid, wanted ?? 0);
      return { client: own, subnet, reservation: this.#reservationOf(client, subnet), tags: new Set(), serverId: 0 };
    });
  }

  #reservationOf(client: Client6, subnet: Subnet): Reservation | undefined {
    const { reservations } = this.#deps.settings;
    const found =
      reservations.find(({ duid }) => duid !== "" && duid === client.duid) ??
      reservations.find(({ duid, mac }) => duid === "" && mac === client.mac);
    return found?.bySubnet.get(subnet.id) ?? found?.other;
  }

  /** The number to prolong in a network: what is reserved, or what it names and may have. */
  #ownIn(party: Party, association: Association, nowMs: number): Ipv4 | undefined {
    const { table, authority, settings } = this.#deps;
    const { client, subnet, reservation } = party;
    for (const text of association.items) {
      const number = settings.leases.family.addresses.parse(text);
      if (number === undefined) continue;
      if (reservation?.ip !== undefined) {
        if (reservation.ip === number && this.#isNobodyElses(number, client.key, nowMs)) return number;
        continue;
      }
      const lease = table.get(number);
      if (table.isSetAside(number) || table.homeOf(number)?.subnet !== subnet) continue;
      if (lease?.client === client.key && isHeld(lease, nowMs)) return number;
      const offer = table.offerAt(number, nowMs);
      if (offer !== undefined && offer.client !== client.key) continue;
      if (table.isFree({ ip: number, client: client.key }, authority, nowMs)) return number;
    }
    return undefined;
  }

  #isNobodyElses(number: Ipv4, key: string, nowMs: number): boolean {
    const lease = this.#deps.table.get(number);
    return lease === undefined || lease.client === key || !isHeld(lease, nowMs);
  }

  /** Of another network, or known to be somebody else's: not merely unknown. */
  #isSurelyNot(asked: Asked, association: Association, text: string): boolean {
    const { settings, table } = this.#deps;
    if (!this.#isHere(asked, association, text)) return true;
    const number = settings.leases.family.addresses.parse(text);
    const lease = number === undefined ? undefined : table.get(number);
    if (number === undefined) return !this.#deps.authority.isShared;
    return lease !== undefined && lease.client !== this.keyOf(asked.client, association) && isHeld(lease, asked.nowMs);
  }

  #isHere({ links }: Asked, { kind }: Association, text: string): boolean {
    if (kind === "prefix") return this.#deps.settings.leases.family.addresses.parse(text) !== undefined;
    const value = valueOf(text);
    return value !== undefined && links.some(({ network }) => isInside6(value, network));
  }
}

const NOTHING = { given: [], gone: [], changes: [], status: undefined, isBeyond: false } as const;

function subnetsOf(links: readonly Link6[], { kind }: Association): readonly Subnet[] {
  return links.flatMap(({ pools }) => pools.flatMap((pool) => (pool.kind === kind ? [pool.subnet] : [])));
}

function nothingFree({ kind }: Association): { readonly code: number; readonly message: string } {
  return kind === "address"
    ? { code: STATUS.noAddrsAvail, message: "no address is free" }
    : { code: STATUS.noPrefixAvail, message: "no prefix is free" };
}
