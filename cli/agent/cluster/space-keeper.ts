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
  readonly forget: () => Promise<void>;
}

/**
 * Keeps etcd's databases below their quota, at which etcd takes no more writes until its alarm is taken back: gives up history, and has one
 * member after the other give back what is empty.
 */
export class SpaceKeeper {
  readonly #deps: SpaceKeeperDeps;
  #defragmentedMs = Number.NEGATIVE_INFINITY;
  #forgotMs = Number.NEGATIVE_INFINITY;
  #warned = false;

  constructor(deps: SpaceKeeperDeps) {
    this.#deps = deps;
  }

  /** Writes go on once all members have room again, by a larger quota too. On every server: without writes nobody can begin to lead. */
  async disarm(seen: readonly SeenMember[]): Promise<void> {
    const { quotaBytes, log, place } = this.#deps;
    const isFull = seen.some(({ status }) => status?.errors.some((text) => text.includes("NOSPACE")));
    if (!isFull || seen.some(({ status }) => (status?.dbBytes ?? 0) > quotaBytes * ROOM)) return;
    await withAdmin(place(), disarmFull);
    log.warn("etcd takes writes again: there is room below its quota", { quota: quotaBytes });
  }

  /** What the leader does. */
  async look(seen: readonly SeenMember[]): Promise<void> {
    const { quotaBytes, clock, log, forget } = this.#deps;
    const fullest = largest(seen, ({ dbBytes }) => dbBytes);
    const isCrowded = fullest > quotaBytes * CROWDED;
    const now = clock.monotonicMs();
    if (isCrowded && now - this.#forgotMs > IN_NEED_EVERY_MS) {
      this.#forgotMs = now;
      await forget().catch((thrown: unknown) => log.debug("no history to give up", { error: messageOf(thrown) }));
    }
    await this.#defragment(seen, isCrowded);
    this.#warn(largest(seen, ({ dbBytesInUse }) => dbBytesInUse));
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

  /** One member at a time, and only while all others answer: it serves nobody meanwhile. */
  async #defragment(seen: readonly SeenMember[], isCrowded: boolean): Promise<void> {
    const { clock, log, tls, quotaBytes } = this.#deps;
    const now = clock.monotonicMs();
    const everyMs = isCrowded ? IN_NEED_EVERY_MS : DEFRAGMENT_EVERY_MS;
    if (now - this.#defragmentedMs < everyMs || seen.some(({ status }) => status === undefined)) return;
    const isDue = ({ dbBytes, dbBytesInUse }: MemberStatus): boolean =>
      isCrowded
        ? dbBytes - dbBytesInUse > quotaBytes * WORTHWHILE
        : dbBytes > 2 * dbBytesInUse && dbBytes - dbBytesInUse > WASTE_BYTES;
    const wasteful = seen.find(({ status }) => status !== undefined && isDue(status));
    if (wasteful === undefined) return;
    this.#defragmentedMs = now;
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

function largest(seen: readonly SeenMember[], of: (status: MemberStatus) => number): number {
  return Math.max(0, ...seen.map(({ status }) => (status === undefined ? 0 : of(status))));
}
