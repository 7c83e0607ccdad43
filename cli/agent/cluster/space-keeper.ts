import type { Clock } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import { EtcdAdmin } from "#base/platform/etcd/etcd-admin.ts";
import type { EtcdTlsSource } from "#base/platform/etcd/grpc-connection.ts";
import type { MemberStatus } from "#base/platform/etcd/maintenance-messages.ts";
import { moveEtcdLeader } from "./move-etcd-leader.ts";
import { withAdmin, type MemberPlace, type SeenMember } from "./seen-members.ts";

/** A database is written anew when more than half of it, and more than this, is empty. */
const WASTE_BYTES = 64 << 20;
/** At most this often one; where space runs out, this often. */
const DEFRAGMENT_EVERY_MS = 600_000;
const IN_NEED_EVERY_MS = 4000;
/** The same member, where nothing tells how much that would give. */
const UNKNOWN_EVERY_MS = 60_000;
/** Revisions that are kept where space runs out: who watches is rarely behind by more. At the quota none is. */
const LEAST_HISTORY = 100;
/** Shares of the quota: from here on history is given up for space, and members are written anew for this much of it. */
const CROWDED = 0.7;
const WORTHWHILE = 0.05;
/** What is in use beyond this is said, and writes go on below that after the quota was reached. */
const WARNING = 0.8;
const ROOM = 0.9;

export interface SpaceKeeperDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly tls: EtcdTlsSource | undefined;
  readonly quotaBytes: number;
  readonly place: () => MemberPlace;
  /** Compacts the history but for its last `keep` revisions. */
  readonly forget: (keep: number) => Promise<void>;
}

/**
 * Keeps etcd's databases below their quota, at which etcd takes no more writes until its alarm is taken back: gives up history, and has one
 * member after the other give back what is empty. None of it takes a write of ours.
 */
export class SpaceKeeper {
  readonly #deps: SpaceKeeperDeps;
  readonly #gaveBackMs = new Map<bigint, number>();
  #defragmentedMs = Number.NEGATIVE_INFINITY;
  #triedMs = Number.NEGATIVE_INFINITY;
  #forgotMs = Number.NEGATIVE_INFINITY;
  #warned = false;

  constructor(deps: SpaceKeeperDeps) {
    this.#deps = deps;
  }

  /** Writes go on once all members have room again, by a larger quota too. On every server: without writes nobody can begin to lead. */
  async disarm(seen: readonly SeenMember[]): Promise<void> {
    const { quotaBytes, log, place } = this.#deps;
    if (!isFull(seen) || seen.some(({ status }) => (status?.dbBytes ?? 0) > quotaBytes * ROOM)) return;
    await withAdmin(place(), disarmFull);
    log.warn("etcd takes writes again: there is room below its quota", { quota: quotaBytes });
  }

  /** On one server at a time. */
  async look(seen: readonly SeenMember[]): Promise<void> {
    const isCrowded = largest(seen, ({ dbBytes }) => dbBytes) > this.#deps.quotaBytes * CROWDED;
    if (isCrowded) await this.#giveUpHistory(isFull(seen) ? 0 : LEAST_HISTORY);
    const wasteful = this.#wasteful(seen, isCrowded);
    // How much is in use is known afterwards.
    if (wasteful !== undefined) await this.#defragment(wasteful, seen, isCrowded);
    else this.#warn(largest(seen, ({ dbBytesInUse }) => dbBytesInUse));
  }

  #warn(used: number): void {
    const { quotaBytes, log } = this.#deps;
    const isNear = used > quotaBytes * WARNING;
    if (isNear && !this.#warned)
      log.error("the state nears what etcd may hold; writes stop at the quota (state { etcd { quota } })", {
        bytes: used,
        quota: quotaBytes,
      });
    this.#warned = isNear;
  }

  async #giveUpHistory(keep: number): Promise<void> {
    const { clock, log, forget } = this.#deps;
    const now = clock.monotonicMs();
    if (now - this.#triedMs < IN_NEED_EVERY_MS) return;
    this.#triedMs = now;
    try {
      await forget(keep);
      this.#forgotMs = now;
    } catch (thrown) {
      log.warn("no history could be given up for space", { error: messageOf(thrown) });
    }
  }

  /** The first member that has something to give back, while all answer. */
  #wasteful(seen: readonly SeenMember[], isCrowded: boolean): SeenMember | undefined {
    const { quotaBytes } = this.#deps;
    if (seen.some(({ status }) => status === undefined)) return undefined;
    const isDue = ({ dbBytes, dbBytesInUse }: MemberStatus): boolean =>
      isCrowded
        ? dbBytes - dbBytesInUse > quotaBytes * WORTHWHILE
        : dbBytes > 2 * dbBytesInUse && dbBytes - dbBytesInUse > WASTE_BYTES;
    const full = isFull(seen);
    return seen.find(
      ({ member, status }) => status !== undefined && (isDue(status) || (full && this.#isUnknown(member.id))),
    );
  }

  /** A member counts what a compaction freed at its next write, and where the quota is reached there is none. */
  #isUnknown(member: bigint): boolean {
    const gaveBackMs = this.#gaveBackMs.get(member) ?? Number.NEGATIVE_INFINITY;
    return gaveBackMs < this.#forgotMs && this.#deps.clock.monotonicMs() - gaveBackMs > UNKNOWN_EVERY_MS;
  }

  /** It serves nobody meanwhile. */
  async #defragment(wasteful: SeenMember, seen: readonly SeenMember[], isCrowded: boolean): Promise<void> {
    const { clock, log, tls } = this.#deps;
    const now = clock.monotonicMs();
    if (now - this.#defragmentedMs < (isCrowded ? IN_NEED_EVERY_MS : DEFRAGMENT_EVERY_MS)) return;
    this.#defragmentedMs = now;
    this.#gaveBackMs.set(wasteful.member.id, now);
    log.info("an etcd member gives space back", { member: wasteful.member.name });
    await moveEtcdLeader(wasteful, seen, tls).catch(() => {});
    const admin = new EtcdAdmin({ endpoints: wasteful.member.clientUrls, tls });
    await admin.defragment().finally(() => admin.close());
  }
}

/** Takes the alarms of full databases back. */
export async function disarmFull(admin: EtcdAdmin): Promise<void> {
  for (const { memberId, kind } of await admin.alarms()) if (kind === "no_space") await admin.disarm(memberId);
}

function isFull(seen: readonly SeenMember[]): boolean {
  return seen.some(({ status }) => status?.errors.some((text) => text.includes("NOSPACE")));
}

function largest(seen: readonly SeenMember[], of: (status: MemberStatus) => number): number {
  return Math.max(0, ...seen.map(({ status }) => (status === undefined ? 0 : of(status))));
}
