import type { Ipv4 } from "../packet/ipv4.ts";
import type { Settings, Subnet } from "../settings/settings.ts";
import type { Authority } from "./authority.ts";
import { Expiries } from "./expiries.ts";
import { isHeld, type Lease } from "./lease.ts";
import { BUSY, FREE, hashOf, Pool, STALE } from "./pool.ts";

/** How long an offer is kept for its client: some answer late, and a relayed one may have come a long way. */
const OFFER_MS = 20_000;
/** Offers outstanding at once; past it the oldest is forgotten, as if it had run out. */
const MAX_OFFERS = 65_536;
/** Remembered addresses looked at, oldest first, before a full pool is called full. */
const MAX_STALE_TRIES = 4096;

export interface Offer {
  readonly ip: Ipv4;
  readonly subnet: string;
  readonly client: string;
  readonly endMs: number;
}

export interface Wish {
  readonly subnet: Subnet;
  readonly client: string;
  readonly tags: ReadonlySet<string>;
  /** Asked for by the client; 0: nothing. */
  readonly wanted: Ipv4;
}

/** Who has which address, who was offered one, and what is free. Everything in memory; durability is others' business. */
export class LeaseTable {
  readonly #leases = new Map<Ipv4, Lease>();
  readonly #byClient = new Map<string, Ipv4>();
  readonly #byName = new Map<string, Ipv4>();
  readonly #offers = new Map<Ipv4, Offer>();
  readonly #offerOf = new Map<string, Ipv4>();
  readonly #ends = new Expiries();
  readonly #pending = new Set<Ipv4>();
  /** In the order in which they became stale. */
  readonly #stale = new Set<Ipv4>();
  readonly #pools: readonly { readonly subnet: Subnet; readonly pool: Pool }[];
  readonly #setAside: ReadonlySet<Ipv4>;

  constructor(settings: Settings) {
    this.#pools = settings.subnets.flatMap((subnet) =>
      subnet.pools.map((range) => ({ subnet, pool: new Pool(range, subnet) })),
    );
    this.#setAside = new Set([
      ...settings.subnets.flatMap(({ exclude }) => [...exclude]),
      ...settings.reservations.flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
    ]);
    for (const ip of this.#setAside) this.#poolOf(ip)?.mark(ip, BUSY);
  }

  get size(): number {
    return this.#leases.size;
  }

  get pools(): readonly { readonly subnet: Subnet; readonly pool: Pool }[] {
    return this.#pools;
  }

  leases(): IterableIterator<Lease> {
    return this.#leases.values();
  }

  get(ip: Ipv4): Lease | undefined {
    return this.#leases.get(ip);
  }

  /** The newest lease of a client in a subnet, ended or not. */
  leaseOf(subnet: string, client: string): Lease | undefined {
    const ip = this.#byClient.get(`${subnet} ${client}`);
    return ip === undefined ? undefined : this.#leases.get(ip);
  }

  offerOf(subnet: string, client: string, nowMs: number): Offer | undefined {
    const ip = this.#offerOf.get(`${subnet} ${client}`);
    const offer = ip === undefined ? undefined : this.offerAt(ip, nowMs);
    return offer?.client === client ? offer : undefined;
  }

  offerAt(ip: Ipv4, nowMs: number): Offer | undefined {
    const offer = this.#offers.get(ip);
    return offer !== undefined && offer.endMs > nowMs ? offer : undefined;
  }

  /** Where an address may be given from. */
  homeOf(ip: Ipv4): { readonly subnet: Subnet; readonly pool: Pool } | undefined {
    return this.#homeOf(ip);
  }

  /** Reserved or kept out: given to nobody but whom it is reserved for. */
  isSetAside(ip: Ipv4): boolean {
    return this.#setAside.has(ip);
  }

  /** Who has a name; it may have ended. */
  holderOfName(subnet: string, name: string): Lease | undefined {
    const ip = this.#byName.get(`${subnet} ${name}`);
    return ip === undefined ? undefined : this.#leases.get(ip);
  }

  /** Promised and not yet durable, or nobody knows whether. */
  isPending(ip: Ipv4): boolean {
    return this.#pending.has(ip);
  }

  /** As {@link put}, before it is durable. */
  hold(lease: Lease, nowMs: number): void {
    this.put(lease, nowMs);
    this.#pending.add(lease.ip);
  }

  /** What was held is durable now, unless it has changed since. */
  settle(lease: Lease): void {
    if (this.#leases.get(lease.ip) === lease) this.#pending.delete(lease.ip);
  }

  put(lease: Lease, nowMs: number): void {
    this.#pending.delete(lease.ip);
    const before = this.#leases.get(lease.ip);
    if (before !== undefined && (before.client !== lease.client || before.name !== lease.name)) this.#unlink(before);
    if (lease.name !== "" && lease.state === "bound") this.#byName.set(`${lease.subnet} ${lease.name}`, lease.ip);
    this.#leases.set(lease.ip, lease);
    if (lease.state !== "declined") this.#byClient.set(`${lease.subnet} ${lease.client}`, lease.ip);
    else this.#unlink(lease);
    this.#ends.set(lease.ip, lease.endMs);
    this.#dropOffer(lease.ip);
    this.#mark(lease.ip, nowMs);
  }

  remove(ip: Ipv4, nowMs: number): void {
    const lease = this.#leases.get(ip);
    if (lease === undefined) return;
    this.#unlink(lease);
    this.#leases.delete(ip);
    this.#pending.delete(ip);
    this.#ends.delete(ip);
    this.#mark(ip, nowMs);
  }

  offer(offer: Omit<Offer, "endMs">, nowMs: number): void {
    const old = this.#offerOf.get(`${offer.subnet} ${offer.client}`);
    if (old !== undefined && old !== offer.ip) this.dropOffer(old, nowMs);
    if (this.#offers.size >= MAX_OFFERS) {
      const [oldest] = this.#offers.keys();
      if (oldest !== undefined) this.dropOffer(oldest, nowMs);
    }
    this.#dropOffer(offer.ip);
    this.#offers.set(offer.ip, { ...offer, endMs: nowMs + OFFER_MS });
    this.#offerOf.set(`${offer.subnet} ${offer.client}`, offer.ip);
    this.#poolOf(offer.ip)?.mark(offer.ip, BUSY);
  }

  dropOffer(ip: Ipv4, nowMs: number): void {
    this.#dropOffer(ip);
    this.#mark(ip, nowMs);
  }

  /** Offers that ran out are forgotten; the leases that ended since the last call come back. */
  sweep(nowMs: number): readonly Lease[] {
    for (const [ip, offer] of this.#offers) {
      // In the order in which they were made, so the rest is younger.
      if (offer.endMs > nowMs) break;
      this.dropOffer(ip, nowMs);
    }
    return this.#ends.due(nowMs).flatMap((ip) => {
      this.#mark(ip, nowMs);
      const lease = this.#leases.get(ip);
      return lease === undefined ? [] : [lease];
    });
  }

  /** Forgets every offer: what they rested on is not known any more. */
  dropOffers(nowMs: number): void {
    for (const ip of this.#offers.keys()) this.dropOffer(ip, nowMs);
  }

  /** An address for a client that has none here: the one it wants if that is free, else a free one, else the one unused longest. */
  pick({ subnet, client, tags, wanted }: Wish, authority: Authority, nowMs: number): Ipv4 | undefined {
    const pools = this.#pools.flatMap((each) =>
      each.subnet.index === subnet.index && allows(each.pool, tags) ? [each.pool] : [],
    );
    const home = wanted === 0 ? undefined : pools.find((pool) => pool.has(wanted));
    if (home?.markOf(wanted) === FREE && authority.owns(subnet, home.blockOf(wanted))) return wanted;
    const hash = hashOf(client);
    for (const pool of pools) {
      const found = pool.findFree(hash, (block) => authority.owns(subnet, block));
      if (found !== undefined) return found;
    }
    return this.#pickStale({ subnet, pools }, authority, nowMs);
  }

  /** The address can be given to this client, who does not hold it: nobody else may still think it is theirs. */
  isFree({ ip, client }: { readonly ip: Ipv4; readonly client: string }, authority: Authority, nowMs: number): boolean {
    const home = this.#homeOf(ip);
    if (home === undefined || !authority.owns(home.subnet, home.pool.blockOf(ip))) return false;
    const { pool } = home;
    const mark = pool.markOf(ip);
    const lease = this.#leases.get(ip);
    if (mark === STALE && lease?.client === client) return true;
    return mark === FREE || (mark === STALE && isReusable(lease, authority.reusableBefore(nowMs), nowMs));
  }

  #pickStale(
    { subnet, pools }: { readonly subnet: Subnet; readonly pools: readonly Pool[] },
    authority: Authority,
    nowMs: number,
  ): Ipv4 | undefined {
    const before = authority.reusableBefore(nowMs);
    let tries = 0;
    for (const ip of this.#stale) {
      if (++tries > MAX_STALE_TRIES) break;
      const pool = pools.find((each) => each.has(ip));
      const lease = this.#leases.get(ip);
      if (pool === undefined || lease === undefined || !authority.owns(subnet, pool.blockOf(ip))) continue;
      if (isReusable(lease, before, nowMs)) return ip;
    }
    return undefined;
  }

  #mark(ip: Ipv4, nowMs: number): void {
    const lease = this.#leases.get(ip);
    const isDeclined = lease?.state === "declined" && lease.endMs > nowMs;
    const isBusy = this.#setAside.has(ip) || this.#offers.has(ip) || isHeld(lease, nowMs) || isDeclined;
    const isStale = !isBusy && lease !== undefined;
    if (isStale) this.#stale.add(ip);
    else this.#stale.delete(ip);
    this.#poolOf(ip)?.mark(ip, isBusy ? BUSY : isStale ? STALE : FREE);
  }

  #dropOffer(ip: Ipv4): void {
    const offer = this.#offers.get(ip);
    if (offer === undefined) return;
    this.#offers.delete(ip);
    const key = `${offer.subnet} ${offer.client}`;
    if (this.#offerOf.get(key) === ip) this.#offerOf.delete(key);
  }

  #unlink({ subnet, client, name, ip }: Lease): void {
    const key = `${subnet} ${client}`;
    if (this.#byClient.get(key) === ip) this.#byClient.delete(key);
    if (name !== "" && this.#byName.get(`${subnet} ${name}`) === ip) this.#byName.delete(`${subnet} ${name}`);
  }

  #poolOf(ip: Ipv4): Pool | undefined {
    return this.#homeOf(ip)?.pool;
  }

  #homeOf(ip: Ipv4): { readonly subnet: Subnet; readonly pool: Pool } | undefined {
    return this.#pools.find(({ pool }) => pool.has(ip));
  }
}

/** Pools for certain clients come with their tags; others take anybody. */
function allows({ range }: Pool, tags: ReadonlySet<string>): boolean {
  return range.tags.length === 0 || range.tags.some((tag) => tags.has(tag));
}

/** A released address is as good as ended, but only where nobody can still be extending what was promised. */
function isReusable(lease: Lease | undefined, beforeMs: number, nowMs: number): boolean {
  if (lease === undefined) return true;
  return lease.endMs <= beforeMs || (lease.state === "released" && beforeMs >= nowMs);
}
