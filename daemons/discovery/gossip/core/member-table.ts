import { randomInt, shuffle, type Random } from "#base/env/random.ts";
import type { GossipMember, MemberState } from "../member.ts";
import { hostOf } from "./host-address.ts";
import type { Suspicion } from "./suspicion.ts";
import type { Timer } from "./timers.ts";

/** What a node knows of one member. */
export interface MemberRecord {
  readonly name: string;
  address: Uint8Array;
  host: string;
  port: number;
  meta: Uint8Array;
  versions: Uint8Array;
  incarnation: number;
  state: MemberState;
  /** When `state` last changed. */
  changedMs: number;
  /** While it is a suspect. */
  suspicion: Suspicion | undefined;
  suspicionTimer: Timer | undefined;
  /** What the layer above was last shown; undefined once something changed. */
  shown: GossipMember | undefined;
}

/** The members by name, and in the order in which they are probed. */
export class MemberTable {
  readonly #byName = new Map<string, MemberRecord>();
  readonly #order: MemberRecord[] = [];
  readonly #random: Random;
  #next = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Everyone that is known, the dead too. */
  get size(): number {
    return this.#order.length;
  }

  get(name: string): MemberRecord | undefined {
    return this.#byName.get(name);
  }

  all(): readonly MemberRecord[] {
    return this.#order;
  }

  /** At a random place in the order, so that nobody's probes arrive in step. */
  insert(record: MemberRecord): void {
    this.#byName.set(record.name, record);
    const at = randomInt(this.#random, this.#order.length + 1);
    const moved = this.#order[at];
    this.#order.push(record);
    if (moved !== undefined) {
      this.#order[at] = record;
      this.#order[this.#order.length - 1] = moved;
    }
  }

  /**
   * The next in the order that `wanted` accepts. At the end of the order whoever `forget` accepts is dropped and the rest
   * shuffled: round robin over random orders finds every failure in bounded time (SWIM §4.3).
   */
  nextToProbe(
    wanted: (record: MemberRecord) => boolean,
    forget: (record: MemberRecord) => boolean,
  ): MemberRecord | undefined {
    for (let seen = 0; seen <= this.#order.length; seen++) {
      if (this.#next >= this.#order.length) {
        this.#reshuffle(forget);
        this.#next = 0;
      }
      const record = this.#order[this.#next];
      this.#next += 1;
      if (record !== undefined && wanted(record)) return record;
    }
    return undefined;
  }

  /** At most `count` different ones that `wanted` accepts. In a large table not every one is looked at. */
  pick(count: number, wanted: (record: MemberRecord) => boolean): MemberRecord[] {
    const picked: MemberRecord[] = [];
    const total = this.#order.length;
    if (total <= SMALL_TABLE) {
      for (const record of shuffle(this.#random, this.#order.filter(wanted))) {
        if (picked.length === count) break;
        picked.push(record);
      }
      return picked;
    }
    for (let tries = 0; tries < 3 * total && picked.length < count; tries++) {
      const record = this.#order[randomInt(this.#random, total)];
      if (record !== undefined && wanted(record) && !picked.includes(record)) picked.push(record);
    }
    return picked;
  }

  #reshuffle(forget: (record: MemberRecord) => boolean): void {
    let kept = 0;
    for (const record of this.#order) {
      if (forget(record)) this.#byName.delete(record.name);
      else this.#order[kept++] = record;
    }
    this.#order.length = kept;
    if (kept <= FIXED_ORDER) return;
    // Each half by itself: nobody waits for longer than one and a half rounds, where a shuffle of all could mean two.
    const half = kept >> 1;
    const late = shuffle(this.#random, this.#order.splice(half));
    shuffle(this.#random, this.#order);
    this.#order.push(...late);
  }
}

const SMALL_TABLE = 32;
/** With two others there is no order that would not make one of them wait. */
const FIXED_ORDER = 3;

/** What the layer above sees of it. */
export function show(record: MemberRecord): GossipMember {
  if (record.shown !== undefined) return record.shown;
  const { name, address, host, port, meta, state, incarnation, versions } = record;
  record.shown = { name, address, host, port, meta, state, incarnation, versions };
  return record.shown;
}

export function isGone(record: MemberRecord): boolean {
  return record.state === "dead" || record.state === "left";
}

/** A record of somebody who was not known, dead until its alive message was taken in. */
export function newRecord(from: {
  readonly name: string;
  readonly address: Uint8Array;
  readonly port: number;
  readonly nowMs: number;
}): MemberRecord {
  return {
    name: from.name,
    address: from.address,
    host: hostOf(from.address),
    port: from.port,
    meta: NOTHING,
    versions: NOTHING,
    incarnation: 0,
    state: "dead",
    changedMs: from.nowMs,
    suspicion: undefined,
    suspicionTimer: undefined,
    shown: undefined,
  };
}

const NOTHING = new Uint8Array(0);
