import type { Clock, Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { EtcdTlsSource } from "#base/platform/etcd/grpc-connection.ts";
import { SpaceKeeper } from "./space-keeper.ts";
import { mayRemove, seeMembers, Silence, withAdmin, type MemberPlace, type SeenMember } from "./seen-members.ts";

const LOOK_EVERY_MS = 5000;
/** The same of one in whose place another came meanwhile. */
const REPLACED_MS = 15_000;
/** And of a learner, which answers when it has all of the state. */
const LEARNER_MS = 120_000;
/** Looks in a row: a member that lags knows an older list. */
const EXPELLED_AFTER = 2;

export interface MemberWatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly tls: EtcdTlsSource | undefined;
  /** A member that does not answer for so long is removed, where the rest is a majority without it. */
  readonly deadAfterMs: number;
  readonly quotaBytes: number;
  /** Compacts the history but for its last `keep` revisions, where space runs out. */
  readonly forget: (keep: number) => Promise<void>;
  readonly endpoints: () => readonly string[];
  /** The members' client URLs, when they have changed. */
  readonly onMembers: (clientUrls: readonly string[]) => void;
  /** A member is taken out: its server is none any more. */
  readonly onRemoved: (name: string) => Promise<void>;
  /** Whom the leader sees among the members. */
  readonly onSeen: (names: readonly string[]) => Promise<void>;
  /** This server's own member, and what happens when the others took it out. */
  readonly self: string;
  readonly onExpelled: () => void;
}

/**
 * The care for etcd's members: the leader promotes learners and removes the dead; room below the quota is kept where etcd's own leader is,
 * since at the quota nobody can begin to lead.
 */
export class MemberWatch {
  readonly #deps: MemberWatchDeps;
  readonly #silence = new Silence();
  readonly #space: SpaceKeeper;
  #seen: readonly SeenMember[] = [];
  #timer: Timer | undefined;
  #leads = false;
  #misses = 0;
  #stopped = false;
  #known = "";
  #voters = 0;
  /** Looks in a row that saw this server's member lead the others: whoever kept room before has ended what it began. */
  #ledEtcd = 0;

  constructor(deps: MemberWatchDeps) {
    this.#deps = deps;
    this.#space = new SpaceKeeper({ ...deps, place: () => this.#place() });
  }

  /** On every server: who the members are. */
  start(): void {
    this.#timer = this.#deps.clock.after(LOOK_EVERY_MS, () => {
      void this.#look()
        .catch((thrown: unknown) => this.#deps.log.debug("etcd's members were not seen", { error: messageOf(thrown) }))
        .finally(() => {
          if (!this.#stopped) this.start();
        });
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  startLeading(): void {
    this.#leads = true;
    this.#silence.clear();
  }

  stopLeading(): void {
    this.#leads = false;
  }

  /** What was last seen. */
  get seen(): readonly SeenMember[] {
    return this.#seen;
  }

  /** Every member, and how it is. Rejects where none answers. */
  see(): Promise<SeenMember[]> {
    return seeMembers(this.#place());
  }

  #place(): MemberPlace {
    const { endpoints, tls } = this.#deps;
    return { endpoints: endpoints(), tls };
  }

  /** Takes a member out at once, where the rest is a majority without it. Rejects where it is not, or none answers. */
  async remove(name: string): Promise<void> {
    const seen = await this.see();
    const gone = seen.find(({ member }) => member.name === name);
    if (gone === undefined) return;
    if (!mayRemove(seen, gone)) throw new Error("without it too few members would be left that answer");
    await withAdmin(this.#place(), (admin) => admin.remove(gone.member.id));
  }

  async #look(): Promise<void> {
    const seen = await this.see();
    this.#seen = seen;
    // It was a member when this began: one that is taken out before the first look has to hear of it, too.
    const isIn = seen.some(({ member }) => member.name === this.#deps.self);
    this.#misses = isIn ? 0 : this.#misses + 1;
    if (this.#misses >= EXPELLED_AFTER) {
      this.stop();
      return this.#deps.onExpelled();
    }
    const urls = seen.flatMap(({ member }) => member.clientUrls);
    const known = urls.toSorted().join(" ");
    if (urls.length > 0 && known !== this.#known) this.#deps.onMembers(urls);
    this.#known = known;
    await this.#space.disarm(seen);
    this.#ledEtcd = this.#leadsEtcd(seen) ? this.#ledEtcd + 1 : 0;
    if (this.#ledEtcd > 1) await this.#space.look(seen);
    if (!this.#leads) return;
    await this.#promote(seen);
    await this.#removeDead(seen);
    await this.#deps.onSeen(seen.map(({ member }) => member.name));
    this.#warnOfEven(seen);
  }

  #leadsEtcd(seen: readonly SeenMember[]): boolean {
    return seen.some(({ member, status }) => member.name === this.#deps.self && status?.leaderId === member.id);
  }

  async #promote(seen: readonly SeenMember[]): Promise<void> {
    for (const { member, status } of seen) {
      if (!member.isLearner || status === undefined) continue;
      // Refused until it has caught up.
      await withAdmin(this.#place(), (admin) => admin.promote(member.id)).catch(() => {});
    }
  }

  async #removeDead(seen: readonly SeenMember[]): Promise<void> {
    const { clock, log, deadAfterMs, onRemoved } = this.#deps;
    const now = clock.monotonicMs();
    this.#silence.note(seen, now);
    const due = seen.find((one) => {
      const graceMs = one.member.isLearner
        ? LEARNER_MS
        : this.#silence.isReplaced(one, seen)
          ? REPLACED_MS
          : deadAfterMs;
      return now - (this.#silence.since(one) ?? now) > Math.min(graceMs, deadAfterMs);
    });
    if (due === undefined || !mayRemove(seen, due)) return;
    log.warn("an etcd member was silent for too long, and is removed", { member: due.member.name });
    await withAdmin(this.#place(), (admin) => admin.remove(due.member.id));
    if (due.member.name !== "") await onRemoved(due.member.name);
  }

  #warnOfEven(seen: readonly SeenMember[]): void {
    const voters = seen.filter(({ member }) => !member.isLearner).length;
    if (voters === this.#voters) return;
    this.#voters = voters;
    if (voters % 2 === 0)
      this.#deps.log.warn("an even number of servers survives no more losses than one less", { servers: voters });
  }
}
