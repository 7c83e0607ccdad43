import type { Clock, Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { Random } from "#base/env/random.ts";
import type { EtcdApi } from "../etcd/api.ts";
import type { Change, Compare, Store, Watch } from "../store.ts";
import { LEADER_KEY, readLeader, type LeaderRecord } from "./leader-record.ts";

/** How long a leader that is not heard of keeps the lock. Etcd grants no less than one and a half election timeouts. */
export const LEASE_SECONDS = 3;
const KEEP_EVERY_MS = 700;
const ATTEMPT_MS = 1000;
/** Of what decides who leads: what an election of etcd's swallows is asked again soon. */
const CAMPAIGN_ATTEMPT_MS = 500;
/** Before a server that could not become leader tries again. */
const RETRY_MS = 100;
/** Before others follow a leader that named one of them. */
const SUCCESSOR_MS = 2000;

export interface LeadershipOptions {
  readonly api: Pick<EtcdApi, "grantLease" | "keepLease" | "revokeLease">;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly self: LeaderRecord;
  /** This server leads from now on: everything that its leader-only parts write carries {@link Leadership.fence}. */
  readonly onLead: () => void;
  /** It no longer does; what was on its way is refused by the fence. */
  readonly onFollow: () => void;
}

interface Held {
  readonly record: LeaderRecord;
  readonly modRevision: number;
}

/**
 * One leader by one key. It holds the key by a lease, and fences everything it writes with the key's revision: whoever takes
 * the key over, at any moment and for any reason, thereby ends the other's power, so that suspicion is enough to do it.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  #held: Held | undefined;
  /** Changes of the lock that were heard of. */
  #heard = 0;
  #leads = false;
  #lease = 0;
  #keptMs = 0;
  #watch: Watch | undefined;
  #timer: Timer | undefined;
  #campaigning = false;
  #stopped = false;
  readonly #listeners = new Set<() => void>();

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** By what this server has heard; undefined: nobody. */
  get leader(): LeaderRecord | undefined {
    return this.#held?.record.successor === undefined ? this.#held?.record : undefined;
  }

  get isLeader(): boolean {
    return this.#leads;
  }

  /** Holds while this server leads. Of one that does not: never. */
  fence(): readonly Compare[] {
    const operand = this.#leads ? (this.#held?.modRevision ?? -1) : -1;
    return [{ key: LEADER_KEY, target: "mod", op: "=", operand }];
  }

  /** Calls back after every change of leader. Returns the way to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Follows the lock, and takes it when it is free. Rejects where the store cannot be read. */
  async start(): Promise<void> {
    await this.#read();
    this.#follow();
    this.#decide();
  }

  /** Somebody has reason to believe that this server is gone: if it leads, it is replaced at once. */
  suspect(id: string): void {
    // One that named its successor ends its connections, too: the successor is given its time.
    if (this.leader?.id !== id) return;
    this.#takeOver();
  }

  #takeOver(): void {
    if (this.#stopped || this.#leads || this.#held === undefined) return;
    this.#options.log.warn("the leader seems to be gone; taking over", { leader: this.#held.record.name });
    void this.#campaign();
  }

  /** Stops to lead, in favour of one server (its node's id) or of whoever is first. False: this server does not lead. */
  async resign(successor?: string): Promise<boolean> {
    const { store, self } = this.#options;
    if (!this.#leads || this.#held === undefined) return false;
    const compare = this.fence();
    const lease = this.#lease;
    this.#lease = 0;
    this.#stepDown();
    const value = JSON.stringify({ ...self, successor });
    const then =
      successor === undefined
        ? [{ op: "delete" as const, key: LEADER_KEY }]
        : [{ op: "put" as const, key: LEADER_KEY, value, lease }];
    const { ok, revision } = await store.txn({ compare, then });
    // Until the watch tells of it this server would believe that it leads.
    if (ok) this.#see(successor === undefined ? undefined : { value, modRevision: revision }, revision);
    this.#quiet(this.#options.clock.after(SUCCESSOR_MS, () => this.#decide()));
    return ok;
  }

  /** Gives the lock up, where it is held, and follows no more. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    // First: it hears that the lock is free before it hears that it freed it.
    this.#stopped = true;
    const lease = this.#lease;
    try {
      await this.resign();
    } catch (thrown) {
      this.#options.log.warn("cannot give up the leadership; the lease ends it", { error: messageOf(thrown) });
    }
    this.#timer?.cancel();
    this.#watch?.cancel();
    if (lease !== 0) await this.#options.api.revokeLease(lease, ATTEMPT_MS).catch(() => {});
  }

  async #read(): Promise<void> {
    const { responses, revision } = await this.#options.store.txn({ then: [{ op: "get", key: LEADER_KEY }] });
    const [answer] = responses;
    this.#see(answer?.op === "get" ? answer.record : undefined, revision);
  }

  #follow(): void {
    const { store, log } = this.#options;
    this.#watch = store.watch({
      prefix: LEADER_KEY,
      fromRevision: store.status().revision + 1,
      onRevision: ({ revision, changes }) => changes.forEach((change) => this.#onChange(change, revision)),
      onEnd: (reason) => {
        if (this.#stopped || reason.kind === "closed" || reason.kind === "cancelled") return;
        log.warn("the leader's lock is followed anew", { reason: reason.kind });
        void this.#read().then(
          () => this.#follow(),
          () => this.#options.clock.after(RETRY_MS, () => this.#follow()),
        );
      },
    });
  }

  #onChange(change: Change, revision: number): void {
    this.#see(change.kind === "put" ? change.record : undefined, revision);
    this.#decide();
  }

  #see(record: { readonly value: string; readonly modRevision: number } | undefined, revision: number): void {
    // What this server did itself it knows already, before it hears of what came earlier.
    if (revision < (this.#held?.modRevision ?? 0)) return;
    this.#heard += 1;
    const read = record === undefined ? undefined : readLeader(record.value);
    const before = this.#held?.record;
    this.#held =
      record === undefined || read === undefined ? undefined : { record: read, modRevision: record.modRevision };
    const isMine = read?.id === this.#options.self.id && read.successor === undefined;
    if (this.#leads && !isMine) this.#stepDown();
    if (before?.id === read?.id && before?.successor === read?.successor) return;
    for (const listener of this.#listeners) listener();
  }

  /** Takes the lock where nobody holds it, or where it was left to this server. */
  #decide(): void {
    if (this.#stopped || this.#leads) return;
    const { self, clock } = this.#options;
    const successor = this.#held?.record.successor;
    if (this.#held === undefined || successor === self.id) void this.#campaign();
    else if (this.#held.record.id === self.id && successor === undefined) void this.#campaign();
    else if (successor !== undefined) {
      const { modRevision } = this.#held;
      // Whoever leads by then is none of those that were waited for.
      const isStill = (): boolean => this.#held?.modRevision === modRevision;
      this.#quiet(clock.after(SUCCESSOR_MS, () => isStill() && this.#takeOver()));
    }
  }

  async #campaign(): Promise<void> {
    if (this.#campaigning || this.#stopped || this.#leads) return;
    this.#campaigning = true;
    // What is taken over is what was seen when it was decided: somebody else may be faster.
    const operand = this.#held?.modRevision ?? 0;
    const heard = this.#heard;
    const { api, store, clock, random, self, log } = this.#options;
    try {
      const lease = Math.floor(random.float() * 2 ** 52) + 1;
      const askedMs = clock.monotonicMs();
      await api.grantLease({ id: lease, ttlSeconds: LEASE_SECONDS }, CAMPAIGN_ATTEMPT_MS);
      const { ok, revision } = await store.txn({
        compare: [{ key: LEADER_KEY, target: "mod", op: "=", operand }],
        then: [{ op: "put", key: LEADER_KEY, value: JSON.stringify(self), lease }],
      });
      if (!ok) await api.revokeLease(lease, ATTEMPT_MS);
      else if (this.#stopped)
        await store.txn({
          compare: [{ key: LEADER_KEY, target: "mod", op: "=", operand: revision }],
          then: [{ op: "delete", key: LEADER_KEY }],
        });
      else this.#lead({ lease, revision, askedMs });
    } catch (thrown) {
      log.debug("cannot become leader; trying again", { error: messageOf(thrown) });
      if (!this.#stopped) this.#quiet(clock.after(RETRY_MS, () => void this.#retry()));
    } finally {
      this.#campaigning = false;
    }
    // What was heard meanwhile decided nothing: the lock may be free, or left to this server, since. It may be as free as it was before, taken
    // and left in between.
    if (this.#heard !== heard) this.#decide();
  }

  /** The lock may have changed while nothing could be heard. */
  async #retry(): Promise<void> {
    await this.#read().catch(() => {});
    this.#decide();
  }

  #lead({ lease, revision, askedMs }: { lease: number; revision: number; askedMs: number }): void {
    const { self, log, onLead } = this.#options;
    // Somebody else may have been seen to take it since.
    if ((this.#held?.modRevision ?? 0) > revision) return;
    this.#lease = lease;
    this.#keptMs = askedMs;
    this.#held = { record: self, modRevision: revision };
    this.#leads = true;
    log.info("this server leads", { revision });
    onLead();
    for (const listener of this.#listeners) listener();
    this.#keepSoon();
  }

  #keepSoon(): void {
    this.#quiet(this.#options.clock.after(KEEP_EVERY_MS, () => void this.#keep()));
  }

  async #keep(): Promise<void> {
    if (!this.#leads) return;
    const { api, clock, log } = this.#options;
    const askedMs = clock.monotonicMs();
    let isKept = true;
    try {
      isKept = await api.keepLease(this.#lease, ATTEMPT_MS);
      if (isKept) this.#keptMs = askedMs;
    } catch (thrown) {
      log.debug("the leader's lease was not kept; trying again", { error: messageOf(thrown) });
    }
    if (!this.#leads) return;
    if (isKept && clock.monotonicMs() - this.#keptMs < LEASE_SECONDS * 1000) return this.#keepSoon();
    log.warn("this server lost touch with the store, and leads no longer");
    this.#stepDown();
    void this.#retry();
  }

  #stepDown(): void {
    this.#leads = false;
    this.#timer?.cancel();
    this.#options.log.info("this server follows");
    this.#options.onFollow();
    for (const listener of this.#listeners) listener();
  }

  #quiet(timer: Timer): void {
    this.#timer?.cancel();
    this.#timer = timer;
  }
}
