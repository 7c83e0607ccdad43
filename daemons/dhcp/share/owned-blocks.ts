import type { Clock } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";
import type { LeaseTable } from "../leases/lease-table.ts";
import type { Settings, Subnet } from "../settings/settings.ts";
import type { Pair, SharedKv } from "./kv.ts";
import type { ShareTimes } from "./share-times.ts";
import { nextSlices, NO_SLICES, parseSlices, unanswered, type BlockFree, type Slices } from "./slices.ts";

/** As {@link import("./contact.ts")} has it: this clock may run fast. */
const DRIFT = 1.01;

interface Known {
  readonly slices: Slices;
  readonly index: number;
}

export interface OwnedDeps {
  readonly kv: SharedKv;
  readonly settings: Settings;
  readonly table: LeaseTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly times: ShareTimes;
  readonly me: string;
  /** Resolves when it survives a power cut that these blocks, and no others, may be ours. False: it could not be written. */
  readonly save: () => Promise<boolean>;
}

/** The blocks of every network that this instance owns, and how it comes by them. */
export class OwnedBlocks {
  /** Every network's slices stand below this key. */
  readonly prefix: string;
  readonly #deps: OwnedDeps;
  readonly #owned = new Map<string, ReadonlySet<number>>();
  readonly #known = new Map<string, Known>();
  /** Wants of ours: since when they have stood in the store, at the latest. */
  readonly #wants = new Map<string, number>();

  constructor(deps: OwnedDeps, restored: Readonly<Record<string, readonly number[]>>) {
    this.#deps = deps;
    this.prefix = `${deps.settings.family.keys}slices/`;
    for (const [subnet, blocks] of Object.entries(restored)) this.#owned.set(subnet, new Set(blocks));
  }

  has(subnet: Subnet, block: number): boolean {
    return this.#owned.get(subnet.id)?.has(block) ?? false;
  }

  toJson(): Readonly<Record<string, readonly number[]>> {
    return Object.fromEntries(Array.from(this.#owned, ([subnet, blocks]) => [subnet, [...blocks]]));
  }

  /** A read of everything at `index`. True: nobody waits for a word from us. */
  absorb(pairs: readonly Pair[], index: number): boolean {
    const { settings, me } = this.#deps;
    let isQuiet = true;
    for (const subnet of settings.subnets) {
      const pair = pairs.find(({ key }) => key === this.#keyFor(subnet));
      const known = this.#known.get(subnet.id);
      if (known !== undefined && known.index > (pair?.index ?? index)) {
        isQuiet = false;
        continue;
      }
      const slices = pair === undefined ? NO_SLICES : parseSlices(pair.value);
      if (slices === undefined) {
        // Somebody else's words: nothing there is ours, and nothing is written over.
        this.#known.delete(subnet.id);
        this.#owned.delete(subnet.id);
        isQuiet = false;
        continue;
      }
      this.#learn(subnet, { slices, index: pair?.index ?? 0 });
      if (unanswered(slices, me).length > 0) isQuiet = false;
    }
    return isQuiet;
  }

  /** Takes, gives and answers, each network in a transaction of its own. */
  async settle(): Promise<void> {
    const { settings, me, random, times, clock } = this.#deps;
    for (const subnet of settings.subnets) {
      const known = this.#known.get(subnet.id);
      if (known === undefined || subnet.pools.length === 0) continue;
      const want = known.slices.wants[me];
      if (want !== undefined && !this.#wants.has(want)) this.#wants.set(want, clock.monotonicMs());
      const sinceMs = want === undefined ? Infinity : clock.monotonicMs() - (this.#wants.get(want) ?? Infinity);
      const ripeWant = want !== undefined && sinceMs >= times.takeoverMs * DRIFT ? want : undefined;
      const blocks = this.#blocksOf(subnet);
      const next = nextSlices({ slices: known.slices, me, blocks, ripeWant, nonce: random.uuid() });
      if (next !== undefined) await this.#write(subnet, known, next);
    }
  }

  /** Leaves everything to the others. False: the store could not be told. */
  async release(): Promise<boolean> {
    const { settings, me } = this.#deps;
    for (const subnet of settings.subnets) {
      const known = this.#known.get(subnet.id);
      if (known === undefined || !Object.values(known.slices.owners).includes(me)) continue;
      const { owners, wants, seen } = known.slices;
      const others = Object.fromEntries(Object.entries(owners).filter(([, owner]) => owner !== me));
      const { [me]: _want, ...otherWants } = wants;
      const { [me]: _seen, ...otherSeen } = seen;
      if (!(await this.#write(subnet, known, { owners: others, wants: otherWants, seen: otherSeen }))) return false;
    }
    return true;
  }

  async #write(subnet: Subnet, known: Known, next: Slices): Promise<boolean> {
    const { kv, me, save, clock } = this.#deps;
    const before = this.#owned.get(subnet.id) ?? new Set();
    const after = blocksOwnedBy(next, me);
    // What is given away is not ours from before the others can hear of it.
    const kept = new Set([...before].filter((block) => after.has(block)));
    this.#owned.set(subnet.id, kept);
    if (kept.size < before.size && !(await save())) {
      this.#owned.set(subnet.id, before);
      return false;
    }
    const done = await kv.txn([
      { verb: "cas", key: this.#keyFor(subnet), value: JSON.stringify(next), index: known.index },
    ]);
    if (done.kind !== "done") return false;
    const want = next.wants[me];
    if (want !== undefined && !this.#wants.has(want)) this.#wants.set(want, clock.monotonicMs());
    this.#learn(subnet, { slices: next, index: done.index });
    if (after.size > kept.size) await save();
    return true;
  }

  #learn(subnet: Subnet, known: Known): void {
    this.#known.set(subnet.id, known);
    this.#owned.set(subnet.id, blocksOwnedBy(known.slices, this.#deps.me));
  }

  #keyFor({ id }: Subnet): string {
    return `${this.prefix}${id.replace("/", "_")}`;
  }

  #blocksOf(subnet: Subnet): readonly BlockFree[] {
    const free = new Map<number, number>();
    for (const { subnet: home, pool } of this.#deps.table.pools) {
      if (home.id !== subnet.id) continue;
      for (let block = pool.firstBlock; block <= pool.lastBlock; block++)
        free.set(block, (free.get(block) ?? 0) + pool.usableIn(block));
    }
    return Array.from(free, ([block, count]) => ({ block, free: count }));
  }
}

function blocksOwnedBy({ owners }: Slices, me: string): ReadonlySet<number> {
  return new Set(Object.entries(owners).flatMap(([block, owner]) => (owner === me ? [Number(block)] : [])));
}
