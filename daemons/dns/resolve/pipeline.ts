import type { Env } from "#base/env/env.ts";
import { MessageWriter } from "#base/protocol/dns/writer.ts";
import type { ReplyTable } from "../cache/reply-table.ts";
import type { StoredReply } from "../cache/stored-reply.ts";
import type { Filter } from "../filter/filter.ts";
import type { LocalGate } from "../local/local-gate.ts";
import type { LocalAnswer, LocalNames } from "../local/local-names.ts";
import { writeAnswer } from "../local/write-answer.ts";
import { Asked, READ } from "../packet/asked.ts";
import { textHash } from "../packet/text-hash.ts";
import { EDE, type ReplyTo, type ReplyWriter } from "../packet/reply.ts";
import { QUERY_STATUS, REPLY_KIND, type QueryObserver, type QueryRecord, type QueryStatus } from "../query-record.ts";
import type { Settings } from "../settings/settings.ts";
import { safeSearchTarget } from "../filter/service-presets.ts";
import { BlockReplies } from "./block-reply.ts";
import type { Client } from "./client-table.ts";
import { DROPPED, PENDING, UDP, type Door } from "./door.ts";
import { copyReply } from "./copy-reply.ts";

const RD = 0x0100;
const CD = 0x0010;
const CLASS_IN = 1;
const RCODE = { formerr: 1, servfail: 2, notimp: 4, refused: 5, badvers: 16 } as const;
/** A client this far above its limit gets no answer at all: it does not listen to them. */
const DEAF_FACTOR = 4;
const STALE_TTL = 30;

/** What has to be asked of others. */
export interface Errand {
  /** Set when an answer that is too old may serve if nobody answers. */
  readonly stale: StoredReply | undefined;
  /** Set when the answer is about another name. */
  readonly alias: Extract<LocalAnswer, { kind: "alias" }> | undefined;
  readonly status: QueryStatus;
}

export interface PipelineParts {
  readonly settings: Settings;
  readonly local: LocalNames;
  readonly gate: LocalGate;
  readonly table: ReplyTable;
  /** Whether servers of its own are asked about a name; then the house does not know that it is not there. */
  readonly isElsewhere: (name: string) => boolean;
}

export interface PipelineDeps {
  readonly env: Pick<Env, "clock">;
  readonly filter: Filter;
  readonly writer: ReplyWriter;
  readonly seed: number;
  readonly observer: QueryObserver;
  /** Finds out what holds for a client. */
  readonly renew: (client: Client) => void;
}

/** Packet in, reply out, in one turn wherever nobody has to be asked: local names, blocking, cache. */
export class Pipeline {
  /** Rises with everything that decides about answers. */
  epoch = 0;
  readonly asked: Asked;
  /** The errand of the last {@link PENDING}. */
  errand: Errand = { stale: undefined, alias: undefined, status: QUERY_STATUS.forwarded };
  readonly #deps: PipelineDeps;
  readonly #messages = new MessageWriter();
  readonly #aliased: Asked;
  readonly #record: QueryRecord;
  #parts: PipelineParts;
  #block: BlockReplies;
  readonly #to: ReplyTo & { client: string; isStream: boolean; nowMs: number };
  #door: Door = UDP;
  /** The time of day, and when it was looked at. */
  #wallMs = 0;
  #wallAtMs = -1;

  constructor(deps: PipelineDeps, parts: PipelineParts) {
    this.#deps = deps;
    this.#parts = parts;
    this.asked = new Asked(deps.seed);
    this.#aliased = new Asked(deps.seed);
    this.#block = new BlockReplies(deps.writer, parts.settings.blocking);
    this.#to = { client: "", isStream: false, nowMs: 0 };
    this.#record = {
      timeMs: 0,
      client: "",
      name: "",
      nameHash: 0,
      type: 0,
      status: QUERY_STATUS.local,
      reply: REPLY_KIND.none,
      rcode: 0,
      ruleId: 0,
      upstream: "",
      durationMs: 0,
      transport: "udp",
      authentic: false,
    };
  }

  get parts(): PipelineParts {
    return this.#parts;
  }

  /** Everything but the memory of clients is looked at anew. */
  use(parts: PipelineParts): void {
    this.#parts = parts;
    this.#block = new BlockReplies(this.#deps.writer, parts.settings.blocking);
    this.epoch += 1;
  }

  /** Length of the reply in `out`, {@link DROPPED} or {@link PENDING}. */
  answer(packet: Uint8Array, client: Client, { door, out }: { readonly door: Door; readonly out: Uint8Array }): number {
    const { asked } = this;
    const read = asked.read(packet);
    this.#door = door;
    const to = this.#to;
    to.client = client.address;
    to.isStream = door.isStream;
    to.nowMs = this.#deps.env.clock.monotonicMs();
    if (read !== READ.ok) return this.#unreadable(packet, read, out);
    if (client.epoch !== this.epoch) this.#renew(client);
    if (!client.isAllowed) return this.#refuse(packet, out, QUERY_STATUS.refused);
    if (client.isLimited && this.#isTooMuch(client)) {
      const { rateCount } = this.#parts.settings.limits;
      return client.count > rateCount * DEAF_FACTOR ? DROPPED : this.#refuse(packet, out, QUERY_STATUS.rateLimited);
    }
    const { type } = asked;
    // Zone transfers, questions for everything, and types that stand in no zone (RFC 8482, RFC 6895 §3.1).
    if (asked.class !== CLASS_IN || (type >= 249 && type <= 255) || type === 41 || type === 0)
      return this.#refuse(packet, out, QUERY_STATUS.refused);
    const stored = this.#parts.table.find(asked, this.scopeOf(client));
    if (
      stored !== undefined &&
      stored.epoch === this.epoch &&
      (stored.allowedFor & client.bit) !== 0 &&
      (stored.isLocal || ((asked.flags & RD) !== 0 && to.nowMs < stored.refreshMs && to.nowMs < stored.expiresMs))
    )
      return this.#copy(packet, stored, out);
    return this.#decide(packet, client, { stored, out });
  }

  /** Answers of other servers, and those for who validates or wants signatures, are kept apart. */
  scopeOf(client: Client): number {
    const { asked } = this;
    return client.route * 4 + (asked.dnssecOk ? 1 : 0) + ((asked.flags & CD) !== 0 ? 2 : 0);
  }

  /** A stored reply to the question in {@link asked}, told to the observer. For an answer that had to be waited for. */
  reply(packet: Uint8Array, stored: StoredReply, { out, client, door, status, durationMs }: ReplyLater): number {
    this.#door = door;
    this.#to.client = client.address;
    this.#to.isStream = door.isStream;
    this.#to.nowMs = this.#deps.env.clock.monotonicMs();
    if (client.epoch !== this.epoch) this.#renew(client);
    if (status === QUERY_STATUS.forwarded && this.#isAliasBlocked(stored, client))
      return this.#blocked(packet, out, QUERY_STATUS.blockedCname);
    stored.allowedFor |= client.bit;
    const length = this.#write(packet, stored, { out, isStale: status === QUERY_STATUS.stale });
    this.#tell(stored, { status, durationMs });
    return length;
  }

  /** No server answered. */
  fail(packet: Uint8Array, { out, client, door, durationMs }: Omit<ReplyLater, "status">): number {
    this.#door = door;
    this.#to.client = client.address;
    this.#to.isStream = door.isStream;
    this.#to.nowMs = this.#deps.env.clock.monotonicMs();
    const length = this.#deps.writer.empty(packet, this.asked, {
      out,
      rcode: RCODE.servfail,
      ede: EDE.noReachableAuthority,
      to: this.#to,
    });
    this.#note(QUERY_STATUS.failed, { reply: REPLY_KIND.servfail, rcode: RCODE.servfail, durationMs });
    return length;
  }

  #decide(
    packet: Uint8Array,
    client: Client,
    { stored, out }: { readonly stored: StoredReply | undefined; readonly out: Uint8Array },
  ): number {
    const { asked, epoch } = this;
    const { filter } = this.#deps;
    if (this.#parts.gate.mayBeLocal(asked)) {
      const answer = this.#parts.local.find(asked.text(), asked.type);
      const isAbsent = answer?.kind === "records" && answer.records.length === 0;
      const isOurs = !isAbsent || !this.#parts.isElsewhere(asked.text());
      if (answer?.kind === "records" && isOurs) return this.#copy(packet, this.#store(answer, client), out);
      if (answer?.kind === "alias") return this.#pend({ stale: undefined, alias: answer, status: QUERY_STATUS.local });
    }
    const policy = client.policy;
    if (policy !== undefined && filter.isOn) {
      const special = filter.special(asked);
      if (special !== undefined) {
        filter.reply = { kind: special };
        filter.ruleId = 0;
        return this.#blocked(packet, out, QUERY_STATUS.blockedSpecial);
      }
      if (filter.isBlocked(asked, policy)) return this.#blocked(packet, out, filter.status);
    }
    // Without recursion desired only what is ours is answered; who looks into the cache learns about the house.
    if ((asked.flags & RD) === 0) return this.#refuse(packet, out, QUERY_STATUS.refused);
    if (policy?.safeSearch === true && filter.isOn) {
      const target = safeSearchTarget(asked.text());
      if (target !== undefined) return this.#pend(rewriteErrand(asked.text(), target));
    }
    if (stored === undefined) return this.#pend(FORWARD);
    const { nowMs } = this.#to;
    if (stored.epoch !== epoch) {
      stored.epoch = epoch;
      stored.allowedFor = 0;
    }
    if ((stored.allowedFor & client.bit) === 0 && this.#isAliasBlocked(stored, client))
      return this.#blocked(packet, out, QUERY_STATUS.blockedCname);
    stored.allowedFor |= client.bit;
    if (nowMs >= stored.expiresMs)
      return this.#pend(nowMs < stored.staleUntilMs ? { ...FORWARD, stale: stored } : FORWARD);
    if (nowMs >= stored.refreshMs) {
      stored.refreshMs = Number.POSITIVE_INFINITY;
      this.onPrefetch(client);
    }
    return this.#copy(packet, stored, out);
  }

  /** Called while {@link asked} holds a question whose answer is about to end. */
  onPrefetch: (client: Client) => void = () => {};

  #pend(errand: Errand): typeof PENDING {
    this.errand = errand;
    return PENDING;
  }

  #store(answer: Extract<LocalAnswer, { kind: "records" }>, client: Client): StoredReply {
    const { table, settings } = this.#parts;
    const parts = { ...answer, ttl: settings.local.ttl, isOurs: true };
    const stored = table.put(this.asked, this.scopeOf(client), writeAnswer(this.#messages, this.asked, parts));
    stored.isLocal = true;
    stored.ede = EDE.none;
    stored.epoch = this.epoch;
    stored.allowedFor = -1;
    stored.expiresMs = Number.POSITIVE_INFINITY;
    stored.refreshMs = Number.POSITIVE_INFINITY;
    stored.upstream = "";
    return stored;
  }

  #copy(packet: Uint8Array, stored: StoredReply, out: Uint8Array): number {
    const length = this.#write(packet, stored, { out, isStale: false });
    this.#tell(stored, { status: stored.isLocal ? QUERY_STATUS.local : QUERY_STATUS.cached, durationMs: 0 });
    return length;
  }

  #write(
    packet: Uint8Array,
    stored: StoredReply,
    { out, isStale }: { readonly out: Uint8Array; readonly isStale: boolean },
  ): number {
    const { writer } = this.#deps;
    const to = this.#to;
    const ede = !isStale ? stored.ede : stored.rcode === 3 ? EDE.staleNxdomain : EDE.staleAnswer;
    const room = writer.room(this.asked, to.isStream);
    if (stored.bytes.length + writer.ednsBytes(this.asked, ede) > room)
      return writer.truncated(packet, this.asked, { out, to });
    const validates = this.#parts.settings.upstream.dnssec === "validate";
    const at = copyReply(packet, this.asked, {
      stored,
      out,
      nowMs: to.nowMs,
      staleTtl: isStale ? STALE_TTL : -1,
      validates,
    });
    return this.asked.hasEdns ? writer.edns(packet, this.asked, { out, at, extended: 0, ede, to }) : at;
  }

  /** An alias of the answer leads to a name that is blocked for the client. */
  #isAliasBlocked(stored: StoredReply, client: Client): boolean {
    const { filter } = this.#deps;
    const { policy } = client;
    if (stored.aliases.length === 0 || policy === undefined || !this.#parts.settings.blocking.cnameInspection)
      return false;
    const aliased = this.#aliased;
    return stored.aliases.some((name) => aliased.take(name, this.asked.type) && filter.isBlocked(aliased, policy));
  }

  #blocked(packet: Uint8Array, out: Uint8Array, status: QueryStatus): number {
    const { filter } = this.#deps;
    const block = this.#block;
    const length = block.write(packet, this.asked, { out, to: this.#to, reply: filter.reply });
    const record = this.#record;
    record.name = this.asked.text();
    record.nameHash = textHash(record.name);
    record.ruleId = filter.ruleId;
    record.upstream = "";
    record.authentic = false;
    this.#observe(status, { reply: block.kind, rcode: block.rcode, durationMs: 0 });
    return length;
  }

  #refuse(packet: Uint8Array, out: Uint8Array, status: QueryStatus): number {
    const { asked } = this;
    const rcode = RCODE.refused;
    const length = this.#deps.writer.empty(packet, asked, { out, rcode, ede: EDE.prohibited, to: this.#to });
    this.#note(status, { reply: REPLY_KIND.refused, rcode, durationMs: 0 });
    return length;
  }

  #unreadable(packet: Uint8Array, read: number, out: Uint8Array): number {
    const { writer } = this.#deps;
    if (read === READ.drop) return DROPPED;
    if (read === READ.badvers)
      return writer.empty(packet, this.asked, { out, rcode: RCODE.badvers, ede: EDE.none, to: this.#to });
    return writer.bare(this.asked, out, read === READ.notimp ? RCODE.notimp : RCODE.formerr);
  }

  #isTooMuch(client: Client): boolean {
    const { rateCount, rateSeconds } = this.#parts.settings.limits;
    if (rateCount === 0) return false;
    const { nowMs } = this.#to;
    if (nowMs - client.windowMs >= rateSeconds * 1000) {
      client.windowMs = nowMs;
      client.count = 0;
    }
    client.count += 1;
    return client.count > rateCount;
  }

  #renew(client: Client): void {
    client.epoch = this.epoch;
    this.#deps.renew(client);
    const id = client.policy?.id ?? 31;
    client.bit = id < 31 ? 1 << id : 0;
  }

  #tell(stored: StoredReply, how: { readonly status: QueryStatus; readonly durationMs: number }): void {
    const record = this.#record;
    record.name = stored.name;
    record.nameHash = stored.nameHash;
    record.ruleId = 0;
    record.upstream = stored.upstream;
    record.authentic = stored.authentic;
    this.#observe(how.status, { reply: stored.reply, rcode: stored.rcode, durationMs: how.durationMs });
  }

  #note(status: QueryStatus, outcome: Outcome): void {
    const record = this.#record;
    record.name = this.asked.text();
    record.nameHash = textHash(record.name);
    record.ruleId = 0;
    record.upstream = "";
    record.authentic = false;
    this.#observe(status, outcome);
  }

  /** A millisecond old at most: under load a look at the clock costs as much as finding the answer. */
  #wall(): number {
    const { nowMs } = this.#to;
    if (nowMs - this.#wallAtMs >= 1 || nowMs < this.#wallAtMs) {
      this.#wallMs = this.#deps.env.clock.nowMs();
      this.#wallAtMs = nowMs;
    }
    return this.#wallMs;
  }

  #observe(status: QueryStatus, { reply, rcode, durationMs }: Outcome): void {
    const record = this.#record;
    record.timeMs = this.#wall();
    record.client = this.#to.client;
    record.type = this.asked.type;
    record.status = status;
    record.reply = reply;
    record.rcode = rcode;
    record.durationMs = durationMs;
    record.transport = this.#door.transport;
    this.#deps.observer(record);
  }
}

export interface ReplyLater {
  readonly out: Uint8Array;
  readonly client: Client;
  readonly door: Door;
  readonly status: QueryStatus;
  readonly durationMs: number;
}

interface Outcome {
  readonly reply: QueryRecord["reply"];
  readonly rcode: number;
  readonly durationMs: number;
}

const FORWARD: Errand = { stale: undefined, alias: undefined, status: QUERY_STATUS.forwarded };

function rewriteErrand(name: string, target: string): Errand {
  const data = { kind: "CNAME", target: target.split(".") } as const;
  const records = [{ name, record: { data, ttl: 300 } }];
  return { stale: undefined, alias: { kind: "alias", records, target }, status: QUERY_STATUS.rewritten };
}
