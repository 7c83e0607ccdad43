import type { AddressText } from "../leases/address-text.ts";
import { leaseJson, parseLease, type Lease } from "../leases/lease.ts";
import type { LeaseTable } from "../leases/lease-table.ts";
import { isInside, type Ipv4 } from "../packet/ipv4.ts";
import type { LeaseClock } from "../server/lease-clock.ts";
import { saneTimes } from "../server/lease-clock.ts";
import { IPV4, KEYS6, type Settings } from "../settings/settings.ts";
import { MAX_WRITES, type Pair, type SharedKv, type TxnOptions, type Write } from "./kv.ts";
import { mergeLease } from "./merge.ts";

/** Below {@link import("../settings/settings.ts").Family.keys}. */
const LEASES_BELOW = "leases/";
/** IPv4's. */
export const LEASES = `${IPV4.keys}${LEASES_BELOW}`;
export const LEASES6 = `${KEYS6}${LEASES_BELOW}`;
/** Attempts to get past others' writes before a client has to ask again. */
const MAX_ROUNDS = 4;

interface Stored {
  readonly lease: Lease;
  readonly index: number;
}

/** `silent`: it was written or not. `unknown`: it was not, and somebody else's word stands there that could not be read. */
export type Pushed = "kept" | "taken" | "silent" | "unknown";

/** What the store has of leases, as far as it is known here, and how it is changed: only ever over what was seen. */
export class LeaseReplica {
  /** Promised here, and perhaps not in the store yet. */
  readonly dirty = new Set<Ipv4>();
  readonly #kv: SharedKv;
  readonly #table: LeaseTable;
  readonly #clock: LeaseClock;
  readonly #settings: Settings;
  readonly #stored = new Map<Ipv4, Stored>();
  /** Being written. */
  readonly #busy = new Set<Ipv4>();
  readonly #onConflict: (ip: Ipv4) => void;
  readonly #onOther: (ip: Ipv4) => void;
  /** Every lease stands below this key. */
  readonly prefix: string;

  constructor(deps: {
    readonly kv: SharedKv;
    readonly table: LeaseTable;
    readonly clock: LeaseClock;
    readonly settings: Settings;
    readonly onConflict: (ip: Ipv4) => void;
    /** Somebody else wrote about an address while it was written here. */
    readonly onOther: (ip: Ipv4) => void;
  }) {
    this.#kv = deps.kv;
    this.#table = deps.table;
    this.#clock = deps.clock;
    this.#settings = deps.settings;
    this.#onConflict = deps.onConflict;
    this.#onOther = deps.onOther;
    this.prefix = `${deps.settings.family.keys}${LEASES_BELOW}`;
  }

  storedAt(ip: Ipv4): Lease | undefined {
    return this.#stored.get(ip)?.lease;
  }

  /** A read of everything there was at `index`. Answers what is news, for the local log. */
  absorb(pairs: readonly Pair[], index: number): readonly Lease[] {
    const seen = new Set<Ipv4>();
    const news = pairs.flatMap((pair) => {
      const lease = this.#learn(pair);
      if (lease === undefined) return [];
      seen.add(lease.ip);
      return this.#adopt(lease, pair.index) ? [lease] : [];
    });
    for (const [ip, stored] of this.#stored) {
      // Somebody deleted it; a write of ours that the read did not see yet is newer.
      if (seen.has(ip) || stored.index > index || this.#busy.has(ip)) continue;
      this.#stored.delete(ip);
      if (!this.dirty.has(ip)) this.#table.remove(ip, this.#clock.nowMs());
    }
    return news;
  }

  /** Asks about one address. False: no answer. */
  async lookUp(ip: Ipv4): Promise<boolean> {
    const pair = await this.#kv.get(this.#keyOf(ip));
    if (pair === undefined) return false;
    if (pair === "missing") {
      if (!this.#busy.has(ip)) this.#stored.delete(ip);
      return true;
    }
    const lease = this.#learn(pair);
    if (lease !== undefined) this.#adopt(lease, pair.index);
    return true;
  }

  /** Writes leases over what is known to be there. Others' later words for the same client are kept, too. */
  async push(leases: readonly Lease[], within: TxnOptions = {}): Promise<ReadonlyMap<Ipv4, Pushed>> {
    const results = new Map<Ipv4, Pushed>();
    let open = leases;
    for (const { ip } of leases) this.#busy.add(ip);
    for (let round = 0; round < MAX_ROUNDS && open.length > 0; round++)
      open = await this.#pushOnce(open, results, within);
    for (const { ip } of open) results.set(ip, "unknown");
    for (const { ip } of leases) this.#busy.delete(ip);
    return results;
  }

  /** What of the dirty addresses has to be written; the others are settled by what the store has. */
  unsettled(): readonly Lease[] {
    const nowMs = this.#clock.nowMs();
    return [...this.dirty].flatMap((ip) => {
      const mine = this.#table.get(ip);
      const stored = this.#stored.get(ip)?.lease;
      const merge = mine === undefined ? { kind: "store" as const } : mergeLease(mine, stored, nowMs);
      if (merge.kind === "push") return [merge.lease];
      if (merge.kind === "conflict") this.#onConflict(ip);
      this.dirty.delete(ip);
      if (stored !== undefined) this.#table.put(stored, nowMs);
      return [];
    });
  }

  /** One transaction per group; answers what has to be tried again. */
  async #pushOnce(leases: readonly Lease[], results: Map<Ipv4, Pushed>, within: TxnOptions): Promise<readonly Lease[]> {
    const again: Lease[] = [];
    for (let at = 0; at < leases.length; at += MAX_WRITES) {
      const group = leases.slice(at, at + MAX_WRITES);
      const done = await this.#kv.txn(
        group.map((lease) => this.#write(lease)),
        within,
      );
      if (done.kind === "unknown") {
        for (const { ip } of leases.slice(at)) results.set(ip, "silent");
        return again;
      }
      if (done.kind === "done") {
        for (const lease of group) {
          this.#stored.set(lease.ip, { lease, index: done.index });
          results.set(lease.ip, "kept");
        }
        continue;
      }
      const failed = new Set(done.at);
      for (const [i, lease] of group.entries()) {
        const next = failed.has(i) ? await this.#afterRefusal(lease) : lease;
        if (typeof next === "string") results.set(lease.ip, next);
        else again.push(next);
      }
    }
    return again;
  }

  /** Somebody wrote meanwhile. An end that comes after a new beginning is past. */
  async #afterRefusal(lease: Lease): Promise<Lease | Pushed> {
    this.#onOther(lease.ip);
    const pair = await this.#kv.get(this.#keyOf(lease.ip));
    if (pair === undefined) return "unknown";
    if (pair === "missing") {
      this.#stored.delete(lease.ip);
      return lease;
    }
    const stored = this.#learn(pair);
    if (stored === undefined) return "unknown";
    this.#stored.set(lease.ip, { lease: stored, index: pair.index });
    const merge = mergeLease(lease, stored, this.#clock.nowMs());
    const isPast = lease.state !== "bound" && stored.startMs > lease.startMs;
    if (stored.client === lease.client && !isPast) return { ...lease, endMs: Math.max(lease.endMs, stored.endMs) };
    if (merge.kind === "push" && this.dirty.has(lease.ip)) return merge.lease;
    if (!this.dirty.has(lease.ip)) this.#table.put(stored, this.#clock.nowMs());
    return "taken";
  }

  #write(lease: Lease): Write {
    const { addresses } = this.#settings.family;
    const index = this.#stored.get(lease.ip)?.index ?? 0;
    return { verb: "cas", key: this.#keyOf(lease.ip), value: JSON.stringify(leaseJson(lease, addresses)), index };
  }

  #keyOf(ip: Ipv4): string {
    return `${this.prefix}${this.#settings.family.addresses.format(ip)}`;
  }

  #learn(pair: Pair): Lease | undefined {
    const { addresses } = this.#settings.family;
    const ip = addresses.parse(pair.key.slice(this.prefix.length));
    const known = ip === undefined ? undefined : this.#stored.get(ip);
    if (known?.index === pair.index) return known.lease;
    const lease = readLease(pair.value, addresses);
    const subnet = this.#settings.subnets.find(({ network }) => lease !== undefined && isInside(lease.ip, network));
    if (lease === undefined || lease.ip !== ip || subnet === undefined) return undefined;
    this.#clock.learn(lease.startMs);
    return saneTimes({ ...lease, subnet: subnet.id }, this.#clock.nowMs());
  }

  /** True: it is news here. */
  #adopt(lease: Lease, index: number): boolean {
    const known = this.#stored.get(lease.ip);
    if (this.#busy.has(lease.ip) || (known !== undefined && known.index >= index)) return false;
    this.#stored.set(lease.ip, { lease, index });
    if (this.dirty.has(lease.ip)) return false;
    this.#table.put(lease, this.#clock.nowMs());
    return true;
  }
}

function readLease(value: string, addresses: AddressText): Lease | undefined {
  try {
    return parseLease(JSON.parse(value), addresses);
  } catch {
    return undefined;
  }
}
