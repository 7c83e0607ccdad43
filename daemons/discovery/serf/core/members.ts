import type { GossipMember } from "../../gossip/member.ts";
import type { Random } from "#base/env/random.ts";
import { randomInt } from "#base/env/random.ts";
import type { JoinMessage, LeaveMessage } from "../wire/messages.ts";
import { Intents } from "./intents.ts";
import { MAX_MEMBERS } from "./limits.ts";
import type { MemberChange, MemberEventKind, SerfMember } from "./member.ts";
import { decodeTags } from "./tags.ts";

interface Entry {
  readonly member: SerfMember;
  /** Lamport time of the newest word on its status. */
  readonly statusTime: number;
  /** When it failed or left, on this node's clock. */
  readonly goneAtMs: number;
}

/** How long those who are gone are remembered. */
export interface Remembrance {
  /** A failed one is tried again for so long. */
  readonly reconnectTimeoutMs: number;
  /** One that left is kept in mind for so long, lest old news brings it back. */
  readonly tombstoneTimeoutMs: number;
}

export interface IntentOutcome {
  /** Whether it is news that should be passed on. */
  readonly news: boolean;
  readonly changes: readonly MemberChange[];
}

const NOTHING: IntentOutcome = { news: false, changes: [] };
const NEWS: IntentOutcome = { news: true, changes: [] };

/** Who is and was a member: what gossip says of processes, together with what members said of their own will. */
export class Members {
  readonly intents = new Intents();
  readonly #table = new Map<string, Entry>();

  all(): SerfMember[] {
    return [...this.#table.values()].map((entry) => entry.member);
  }

  get(name: string): SerfMember | undefined {
    return this.#table.get(name)?.member;
  }

  /** Those that take part, this node included. */
  alive(): SerfMember[] {
    return this.all().filter((member) => member.status === "alive" || member.status === "leaving");
  }

  /** Lamport times of everyone's status, for full exchanges. */
  statusTimes(): Record<string, number> {
    return Object.fromEntries([...this.#table].map(([name, entry]) => [name, entry.statusTime]));
  }

  /**
   * Those that left, and those that are about to: told as merely present, one that leaves would be taken for one that
   * stays by whoever hears of it in a full exchange first.
   */
  leftNames(): string[] {
    return this.all()
      .filter((member) => member.status === "left" || member.status === "leaving")
      .map((member) => member.name);
  }

  /** Gossip found a member alive. */
  joined(from: GossipMember): readonly MemberChange[] {
    const before = this.#table.get(from.name);
    if (before === undefined && this.#table.size >= MAX_MEMBERS) return [];
    const intent = before === undefined ? this.intents.of(from.name) : undefined;
    const member = seen(from, intent?.kind === "leave" ? "leaving" : "alive");
    this.#table.set(from.name, { member, statusTime: before?.statusTime ?? intent?.time ?? 0, goneAtMs: 0 });
    return change("member-join", member);
  }

  updated(from: GossipMember): readonly MemberChange[] {
    const entry = this.#table.get(from.name);
    if (entry === undefined) return [];
    const member = seen(from, entry.member.status);
    this.#table.set(from.name, { ...entry, member });
    return change("member-update", member);
  }

  /** Gossip lost a member: it failed, unless it had said that it goes. */
  gone(from: GossipMember, nowMs: number): readonly MemberChange[] {
    const entry = this.#table.get(from.name);
    if (entry === undefined || entry.member.status === "left" || entry.member.status === "failed") return [];
    const left = entry.member.status === "leaving" || from.state === "left";
    const member = seen(from, left ? "left" : "failed");
    this.#table.set(from.name, { ...entry, member, goneAtMs: nowMs });
    return change(left ? "member-leave" : "member-failed", member);
  }

  /** A member says that it goes, or somebody says it of one that failed. */
  leaveIntent({ LTime, Node, Prune }: LeaveMessage, nowMs: number): IntentOutcome {
    const entry = this.#table.get(Node);
    if (entry === undefined)
      return { news: this.intents.note(Node, { kind: "leave", time: LTime, atMs: nowMs }), changes: [] };
    // Of one time the leave wins: peers tell in full exchanges of one that leaves as if it joined at that time.
    const tie = LTime === entry.statusTime && LTime > 0 && entry.member.status === "alive";
    if (LTime <= entry.statusTime && !tie) return NOTHING;
    switch (entry.member.status) {
      case "alive":
        this.#put({ ...entry, statusTime: LTime, member: { ...entry.member, status: "leaving" } });
        return NEWS;
      case "failed": {
        const member: SerfMember = { ...entry.member, status: "left" };
        this.#put({ member, statusTime: LTime, goneAtMs: nowMs });
        return { news: true, changes: [...change("member-leave", member), ...(Prune ? this.erase(Node) : [])] };
      }
      case "leaving":
      case "left":
        this.#put({ ...entry, statusTime: LTime });
        return { news: true, changes: Prune && entry.member.status === "left" ? this.erase(Node) : [] };
      case "none":
        return NOTHING;
      default:
        return entry.member.status satisfies never;
    }
  }

  joinIntent({ LTime, Node }: JoinMessage, nowMs: number): IntentOutcome {
    const entry = this.#table.get(Node);
    if (entry === undefined)
      return { news: this.intents.note(Node, { kind: "join", time: LTime, atMs: nowMs }), changes: [] };
    if (LTime <= entry.statusTime) return NOTHING;
    const back = entry.member.status === "leaving";
    this.#put({ ...entry, statusTime: LTime, member: back ? { ...entry.member, status: "alive" } : entry.member });
    return NEWS;
  }

  /** Forgets those who are gone for long. */
  reap(nowMs: number, { reconnectTimeoutMs, tombstoneTimeoutMs }: Remembrance): readonly MemberChange[] {
    this.intents.reap(nowMs);
    const changes: MemberChange[] = [];
    for (const { member, goneAtMs } of this.#table.values()) {
      const limit = { failed: reconnectTimeoutMs, left: tombstoneTimeoutMs }[String(member.status)];
      if (limit !== undefined && nowMs - goneAtMs > limit) changes.push(...this.erase(member.name));
    }
    return changes;
  }

  erase(name: string): readonly MemberChange[] {
    const entry = this.#table.get(name);
    if (entry === undefined) return [];
    this.#table.delete(name);
    return change("member-reap", entry.member);
  }

  /** One failed member to be tried again, as often as there are many failed among the living: the few do not storm the many. */
  toReconnect(random: Random): SerfMember | undefined {
    const failed = this.all().filter((member) => member.status === "failed");
    if (failed.length === 0) return undefined;
    if (random.float() > failed.length / Math.max(1, this.alive().length)) return undefined;
    return failed[randomInt(random, failed.length)];
  }

  #put(entry: Entry): void {
    this.#table.set(entry.member.name, entry);
  }
}

function seen({ name, address, host, port, meta, versions }: GossipMember, status: SerfMember["status"]): SerfMember {
  return { name, address, host, port, tags: decodeTags(meta), status, versions };
}

function change(kind: MemberEventKind, member: SerfMember): readonly MemberChange[] {
  return [{ kind, members: [member] }];
}
