import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { LeaseChange } from "../answer/decision.ts";
import type { Authority } from "../leases/authority.ts";
import type { Lease } from "../leases/lease.ts";
import type { LeaseTable } from "../leases/lease-table.ts";
import { parseIpv4, type Ipv4 } from "../packet/ipv4.ts";
import type { LeaseClock } from "../server/lease-clock.ts";
import type { Settings } from "../settings/settings.ts";
import { GroupCommit } from "../store/group-commit.ts";
import { MAX_WAITING, type Keeper, type Kept } from "../store/keeper.ts";
import type { LeaseLog } from "../store/lease-log.ts";
import { Contact } from "./contact.ts";
import type { Pair, SharedKv } from "./kv.ts";
import { LeaseReplica, type Pushed } from "./lease-replica.ts";
import { Names } from "./names.ts";
import { OwnedBlocks } from "./owned-blocks.ts";
import { writeShareFile, type ShareFile } from "./share-file.ts";
import type { ShareTimes } from "./share-times.ts";

const RETRY_MS = 500;
/** A client that waits asks again after a second or more: by then it has its answer, with the store or without. */
const HASTE_MS = 700;
/** Between two reads of everything; more where reading takes long. */
const LEAST_PAUSE_MS = 1000;
const PAUSE_TIMES_READ = 20;
/** How often the file is written that bounds what a restart without the store may promise. */
const SAVE_MS = 3_600_000;

export interface ClusterDeps {
  readonly env: Env;
  readonly kv: SharedKv;
  readonly settings: Settings;
  readonly table: LeaseTable;
  readonly clock: LeaseClock;
  readonly log: LeaseLog;
  readonly times: ShareTimes;
  readonly file: ShareFile;
  readonly filePath: string;
  /** Server identifiers by which clients know this instance. */
  readonly addresses: () => readonly string[];
}

interface Item {
  readonly lease: Lease;
  /** Decided while the store was there, and so to be written there before anybody hears of it. */
  readonly isShared: boolean;
}

/**
 * One of several instances. While the store answers, every lease is a compare-and-set there, so two can never both succeed.
 * While it does not, the instance gives fresh addresses of its own blocks only, prolongs known leases by the lead at most,
 * keeps all of it in its own log, and writes it to the store when that is back.
 */
export class Cluster implements Authority, Keeper {
  readonly isShared = true;
  readonly #deps: ClusterDeps;
  readonly #contact: Contact;
  readonly #replica: LeaseReplica;
  readonly #owned: OwnedBlocks;
  readonly #names: Names;
  readonly #group: GroupCommit<Item, Kept>;
  readonly #instances: string;
  readonly #stopped = new AbortController();
  #reading = new AbortController();
  #peers: ReadonlySet<string> = new Set();
  #peerIds: ReadonlySet<Ipv4> = new Set();
  #running: Promise<void> | undefined;
  #savedMonotonic = -Infinity;
  #isContactSaved = false;
  #sinceMonotonic: number | undefined;

  constructor(deps: ClusterDeps) {
    const { env, kv, settings, table, clock, times, file } = deps;
    this.#deps = deps;
    this.#instances = `${settings.family.keys}instances/`;
    const agoMs = file.contactMs === undefined ? undefined : Math.max(0, clock.nowMs() - file.contactMs);
    this.#contact = new Contact(env.clock, times, agoMs);
    this.#replica = new LeaseReplica({
      kv,
      table,
      clock,
      settings,
      onConflict: (ip) =>
        env.log.error("two instances promised an address while they could not talk", {
          ip: settings.family.addresses.format(ip),
        }),
      onOther: (ip) => this.#names.forget(ip),
    });
    const save = (): Promise<boolean> => this.#save();
    this.#owned = new OwnedBlocks(
      { kv, settings, table, clock: env.clock, random: env.random, times, me: file.id, save },
      file.blocks,
    );
    this.#names = new Names({ kv, settings });
    this.#group = new GroupCommit<Item, Kept>({
      write: (items) => this.#write(items),
      limit: MAX_WAITING,
      refused: "failed",
    });
    // What the log has may be news to the store.
    for (const { ip } of table.leases()) this.#replica.dirty.add(ip);
  }

  get isConnected(): boolean {
    return this.#contact.isConnected;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  isPeer(serverId: Ipv4): boolean {
    return this.#peerIds.has(serverId);
  }

  // What may be promised

  get canLookUp(): boolean {
    return this.#contact.isConnected;
  }

  owns(subnet: Settings["subnets"][number], block: number): boolean {
    return this.#owned.has(subnet, block) && this.#contact.ownsForMs > 0;
  }

  reusableBefore(nowMs: number): number {
    const { leadMs, slackMs } = this.#deps.times;
    if (!this.#contact.isConnected) return nowMs - this.#contact.agoMs - leadMs - slackMs;
    return this.#peers.size === 0 ? nowMs : nowMs - leadMs - slackMs;
  }

  latestEnd({ ip, current }: { readonly ip: Ipv4; readonly current: Lease | undefined }, nowMs: number): number {
    const { table, times } = this.#deps;
    if (this.#contact.isConnected || table.isSetAside(ip)) return Infinity;
    const home = table.homeOf(ip);
    if (home === undefined) return -Infinity;
    if (this.owns(home.subnet, home.pool.blockOf(ip))) return nowMs + this.#contact.ownsForMs;
    const stored = this.#replica.storedAt(ip);
    const isKnown = current !== undefined && stored?.client === current.client && stored.state === "bound";
    // Others have to have seen that we are there before they may count on what we might do.
    const wasMember = this.#sinceMonotonic !== undefined || this.#deps.file.contactMs !== undefined;
    return isKnown ? stored.endMs + (wasMember ? times.leadMs : 0) : -Infinity;
  }

  mayServe(): boolean {
    return this.#contact.isConnected || this.#contact.wasThere;
  }

  // What was promised

  keep({ lease }: LeaseChange): Promise<Kept> {
    const isShared = this.#contact.isConnected;
    if (!isShared) this.#replica.dirty.add(lease.ip);
    return this.#group.add({ lease, isShared });
  }

  async restamp(leases: readonly Lease[]): Promise<void> {
    const isShared = this.#contact.isConnected;
    if (!isShared) for (const { ip } of leases) this.#replica.dirty.add(ip);
    await Promise.all(leases.map((lease) => this.#group.add({ lease, isShared })));
  }

  /** Who has an address, asked of the store. */
  async lookUp(ip: Ipv4): Promise<void> {
    if (!(await this.#replica.lookUp(ip))) this.#lost("a read went unanswered");
  }

  /** Tells the DNS, behind what clients wait for. */
  noteName(lease: Lease): void {
    this.#names.note(lease, this.#deps.clock.nowMs());
    if (this.#contact.isConnected) void this.#names.flush();
  }

  /** Gives its blocks back where the store can be told; else they stay its own until it starts again. */
  async close(): Promise<void> {
    await this.#group.idle();
    const isTold = this.#contact.isConnected && (await this.#names.flush(), await this.#owned.release());
    this.#stopped.abort();
    this.#reading.abort();
    await this.#running;
    const { env, file, filePath, kv } = this.#deps;
    if (isTold) {
      await kv.txn([{ verb: "delete", key: `${this.#instances}${file.id}` }]);
      await writeShareFile(env, filePath, { id: file.id, contactMs: undefined, blocks: {} }).catch(() => {});
    } else await this.#save();
    await this.#deps.log.close();
  }

  async #write(items: readonly Item[]): Promise<readonly Kept[]> {
    const isThere = this.#contact.isConnected;
    const going = items.filter(({ lease, isShared }) => !isShared || isThere || this.#mayPromiseAlone(lease));
    const written = new Set(going);
    const shared = new Map(
      going.flatMap(({ lease, isShared }) => (isShared && isThere ? [[lease.ip, lease] as const] : [])),
    );
    const local = this.#append(going.map(({ lease }) => lease));
    const pushed: ReadonlyMap<Ipv4, Pushed> =
      shared.size === 0 ? new Map() : await this.#replica.push([...shared.values()], { timeoutMs: HASTE_MS });
    const isLocal = await local;
    if (pushed.values().some((each) => each === "silent" || each === "unknown")) this.#lost("a write went unanswered");
    return items.map((item) => {
      const { lease, isShared } = item;
      const result = isShared ? pushed.get(lease.ip) : "kept";
      if (result === "taken") return "taken";
      if (isLocal && result === "kept") return "kept";
      // It may be in the store or not; until that is known the address stays taken.
      this.#replica.dirty.add(lease.ip);
      const isOpen = result !== "unknown" && isLocal && written.has(item);
      return isOpen && this.#mayPromiseAlone(lease) ? "kept" : "failed";
    });
  }

  /** The store fell silent over it, and this instance may give the same without: nobody else had the address before. */
  #mayPromiseAlone(lease: Lease): boolean {
    if (this.#contact.isConnected || lease.state !== "bound") return false;
    if ((this.#replica.storedAt(lease.ip)?.client ?? lease.client) !== lease.client) return false;
    return lease.endMs <= this.latestEnd({ ip: lease.ip, current: lease }, this.#deps.clock.nowMs());
  }

  async #append(leases: readonly Lease[]): Promise<boolean> {
    if (leases.length === 0) return true;
    const { log, env, table } = this.#deps;
    try {
      await log.append(leases.map((put) => ({ put })));
      await log.foldWhereDue(() => table.leases());
      return true;
    } catch (thrown) {
      env.log.error("leases could not be written, and so nobody is told", { error: messageOf(thrown) });
      return false;
    }
  }

  async #run(): Promise<void> {
    const { env, kv, times, settings } = this.#deps;
    let index = 0;
    while (!this.#stopped.signal.aborted) {
      const sent = env.clock.monotonicMs();
      this.#reading = new AbortController();
      const block = this.#contact.isConnected ? { block: { index, waitMs: times.readMs } } : {};
      const read = await kv.list(settings.family.keys, { ...block, signal: this.#reading.signal });
      if (this.#stopped.signal.aborted) return;
      if (read === undefined) {
        this.#lost("the store does not answer");
        index = 0;
        await sleep(env.clock, RETRY_MS, this.#stopped.signal);
        continue;
      }
      index = read.index;
      const began = env.clock.monotonicMs();
      await this.#absorb(read, sent);
      const pauseMs = Math.max(LEAST_PAUSE_MS, (env.clock.monotonicMs() - began) * PAUSE_TIMES_READ);
      if (this.#contact.isConnected) await sleep(env.clock, Math.min(pauseMs, times.readMs), this.#stopped.signal);
      else await sleep(env.clock, RETRY_MS, this.#stopped.signal);
    }
  }

  async #absorb(
    { pairs, index }: { readonly pairs: readonly Pair[]; readonly index: number },
    sent: number,
  ): Promise<void> {
    const news = this.#replica.absorb(
      pairs.filter(({ key }) => key.startsWith(this.#replica.prefix)),
      index,
    );
    for (const { ip } of news) this.#names.forget(ip);
    const isQuiet = this.#owned.absorb(
      pairs.filter(({ key }) => key.startsWith(this.#owned.prefix)),
      index,
    );
    const isMember = this.#readInstances(pairs);
    // In the log before the contact counts from here: what a restart does not know it must not build on.
    const isLogged = await this.#append(news);
    if (isQuiet && isMember && isLogged) this.#contact.sawAll(sent);
    if (!isMember && !(await this.#join())) return this.#lost("this instance could not make itself known");
    if (!this.#contact.isConnected) await this.#catchUp();
    if (!this.#contact.isConnected) return;
    await this.#owned.settle();
    await this.#names.flush();
    // Who does not know that the store was ever there serves nobody without it.
    const isNews = this.#contact.wasThere && !this.#isContactSaved;
    if (isNews || this.#deps.env.clock.monotonicMs() - this.#savedMonotonic > SAVE_MS) await this.#save();
  }

  /** What was promised alone goes to the store; then, in one turn with having nothing left to tell, it counts again. */
  async #catchUp(): Promise<void> {
    for (;;) {
      const leases = this.#replica.unsettled();
      if (leases.length === 0) {
        this.#contact.isConnected = true;
        this.#deps.env.log.info("leases are shared with the cluster", { instance: this.#deps.file.id });
        return;
      }
      const results = await this.#replica.push(leases);
      for (const { ip } of leases) {
        const result = results.get(ip);
        if (result === "kept") this.#settled(ip, leases);
        else if (result !== "taken") return;
      }
    }
  }

  /** Unless it was promised further while it was being written. */
  #settled(ip: Ipv4, written: readonly Lease[]): void {
    const { table, clock } = this.#deps;
    const lease = written.find((each) => each.ip === ip);
    const now = table.get(ip);
    if (lease === undefined || now === undefined || now.startMs > lease.startMs || now.client !== lease.client) return;
    this.#replica.dirty.delete(ip);
    table.put(lease, clock.nowMs());
  }

  #readInstances(pairs: readonly Pair[]): boolean {
    const { file } = this.#deps;
    const instances = pairs.filter(({ key }) => key.startsWith(this.#instances));
    const others = instances.filter(({ key }) => key !== `${this.#instances}${file.id}`);
    this.#peers = new Set(others.map(({ key }) => key));
    this.#peerIds = new Set(
      others.flatMap(({ value }) => value.split(",").flatMap((text) => parseIpv4(text.trim()) ?? [])),
    );
    const own = instances.find(({ key }) => key === `${this.#instances}${file.id}`);
    return own !== undefined && own.value === this.#deps.addresses().join(",");
  }

  async #join(): Promise<boolean> {
    const { kv, file, addresses, env } = this.#deps;
    const done = await kv.txn([{ verb: "set", key: `${this.#instances}${file.id}`, value: addresses().join(",") }]);
    if (done.kind !== "done") return false;
    this.#sinceMonotonic ??= env.clock.monotonicMs();
    return true;
  }

  #lost(why: string): void {
    if (!this.#contact.isConnected) return;
    this.#contact.isConnected = false;
    this.#reading.abort();
    this.#deps.env.log.warn(
      "the cluster's store is out of reach; serving from what is known, and from this instance's own addresses",
      { why },
    );
  }

  async #save(): Promise<boolean> {
    const { env, file, filePath, clock } = this.#deps;
    const contactMs = this.#contact.wasThere ? clock.nowMs() - this.#contact.agoMs : undefined;
    try {
      await writeShareFile(env, filePath, { id: file.id, contactMs, blocks: this.#owned.toJson() });
      this.#savedMonotonic = env.clock.monotonicMs();
      this.#isContactSaved = contactMs !== undefined;
      return true;
    } catch (thrown) {
      env.log.warn("what this instance knows of itself could not be written", { error: messageOf(thrown) });
      return false;
    }
  }
}
