import type { Env } from "#base/env/env.ts";
import type { Timer } from "#base/env/clock.ts";
import { readMessage } from "#base/protocol/dns/message.ts";
import { MessageWriter } from "#base/protocol/dns/writer.ts";
import { questionHash } from "../cache/reply-table.ts";
import type { StoredReply } from "../cache/stored-reply.ts";
import { writeAnswer } from "../local/write-answer.ts";
import { NameCoder } from "../filter/name-hash.ts";
import type { Asked } from "../packet/asked.ts";
import { QUERY_STATUS } from "../query-record.ts";
import type { Forwarded } from "../upstream/forwarded.ts";
import type { Forwarder } from "../upstream/forwarder.ts";
import type { UpstreamQuestion } from "../upstream/question-message.ts";
import { readReply, type UpstreamReply } from "../upstream/reply-reader.ts";
import type { Client } from "./client-table.ts";
import type { Door } from "./door.ts";
import type { Errand, Pipeline } from "./pipeline.ts";

const CD = 0x0010;
/** RFC 8767 §5: until a client gets an old answer while servers are still asked. */
const STALE_AFTER_MS = 1800;
/** RFC 8767 §5: a server that failed is not asked again at once; the old answer serves meanwhile. */
const STALE_AGAIN_MS = 30_000;
/** RFC 9520 §3.2: failures are remembered for at least a second. */
const FAILURE_MS = 2000;
/** Share of an answer's life after which it is fetched anew when somebody asks. */
const REFRESH_AT = 0.9;
/** Answers that live shorter are not worth it. */
const LEAST_REFRESHED_MS = 10_000;
/** Those who wait for one answer; more get none. */
const MAX_WAITERS = 200;

/** How somebody is answered who has to wait. */
export interface WayBack {
  readonly door: Door;
  /** Called once, or never when nobody shall answer. */
  send(reply: Uint8Array): void;
}

/** Somebody who waits. */
interface Waiter {
  readonly packet: Uint8Array;
  readonly client: Client;
  readonly way: WayBack;
  readonly startedMs: number;
}

interface Waiting {
  readonly hash: number;
  readonly scope: number;
  readonly name: Uint8Array;
  readonly errand: Errand;
  readonly question: UpstreamQuestion;
  waiters: Waiter[];
  staleTimer: Timer | undefined;
  /** Another one with this hash. */
  next: Waiting | undefined;
}

export interface WaitingDeps {
  readonly env: Pick<Env, "clock">;
  readonly pipeline: Pipeline;
  /** Who is asked about a name for a client. */
  readonly route: (about: { text(): string }, client: Client) => Forwarder;
}

/** Questions others are asked, each once however many clients ask it. */
export class WaitingQuestions {
  readonly #deps: WaitingDeps;
  readonly #waiting = new Map<number, Waiting>();
  #size = 0;
  readonly #out = new Uint8Array(65_535);
  readonly #messages = new MessageWriter();
  readonly #coder = new NameCoder(0);

  constructor(deps: WaitingDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#size;
  }

  /** The question in the pipeline's hands, which it could not answer. */
  add(packet: Uint8Array, client: Client, way: WayBack): void {
    const { pipeline, env } = this.#deps;
    const { errand } = pipeline;
    const nowMs = env.clock.monotonicMs();
    const waiter = { packet: Buffer.from(packet), client, way, startedMs: nowMs };
    if (errand.stale !== undefined && errand.stale.retryMs > nowMs) return this.#serveStale(errand.stale, waiter);
    const waiting = this.#join(client, errand);
    if (waiting === undefined || waiting.waiters.length >= MAX_WAITERS) return this.#fail(waiter);
    waiting.waiters.push(waiter);
  }

  /** Asks anew what the pipeline just answered from its cache. */
  prefetch(client: Client): void {
    this.#join(client, { stale: undefined, alias: undefined, status: QUERY_STATUS.forwarded });
  }

  #join(client: Client, errand: Errand): Waiting | undefined {
    const { pipeline } = this.#deps;
    const { asked } = pipeline;
    const scope = pipeline.scopeOf(client);
    const hash = questionHash(asked, scope);
    const same = this.#waiting.get(hash);
    for (let each = same; each !== undefined; each = each.next) if (isAbout(each, asked, scope)) return each;
    const { settings } = pipeline.parts;
    if (this.#size >= settings.limits.inFlight) return undefined;
    const name = Buffer.allocUnsafe(asked.nameLength);
    for (let i = 0; i < name.length; i++) name[i] = asked.name[i] ?? 0;
    const question: UpstreamQuestion = {
      name: errand.alias === undefined ? name : this.#wireOf(errand.alias.target),
      type: asked.type,
      class: asked.class,
      dnssecOk: asked.dnssecOk,
      checkingDisabled: (asked.flags & CD) !== 0,
      wantsAuthentic: settings.upstream.dnssec === "validate",
    };
    const waiting: Waiting = { hash, scope, name, errand, question, waiters: [], staleTimer: undefined, next: same };
    this.#waiting.set(hash, waiting);
    this.#size += 1;
    if (errand.stale !== undefined) this.#watchStale(waiting, errand.stale);
    this.#routeOf(errand, client).ask(question, (forwarded) => this.#onAnswer(waiting, forwarded));
    return waiting;
  }

  #routeOf({ alias }: Errand, client: Client): Forwarder {
    const { route, pipeline } = this.#deps;
    return route(alias === undefined ? pipeline.asked : { text: () => alias.target }, client);
  }

  #leave(waiting: Waiting): void {
    this.#size -= 1;
    const first = this.#waiting.get(waiting.hash);
    if (first !== waiting) {
      for (let each = first; each !== undefined; each = each.next) if (each.next === waiting) each.next = waiting.next;
    } else if (waiting.next === undefined) this.#waiting.delete(waiting.hash);
    else this.#waiting.set(waiting.hash, waiting.next);
  }

  #watchStale(waiting: Waiting, stale: StoredReply): void {
    waiting.staleTimer = this.#deps.env.clock.after(STALE_AFTER_MS, () => {
      for (const waiter of this.#takeWaiters(waiting)) this.#serveStale(stale, waiter);
    });
  }

  #onAnswer(waiting: Waiting, forwarded: Forwarded | undefined): void {
    this.#leave(waiting);
    waiting.staleTimer?.cancel();
    const { stale } = waiting.errand;
    const isGood = forwarded !== undefined && (forwarded.reply.rcode === 0 || forwarded.reply.rcode === 3);
    if (!isGood && stale !== undefined) {
      stale.retryMs = this.#deps.env.clock.monotonicMs() + STALE_AGAIN_MS;
      for (const waiter of this.#takeWaiters(waiting)) this.#serveStale(stale, waiter);
      return;
    }
    const reply = forwarded === undefined ? undefined : this.#replyOf(waiting, forwarded.reply);
    if (forwarded === undefined || reply === undefined) {
      for (const waiter of this.#takeWaiters(waiting)) this.#fail(waiter);
      return;
    }
    this.#serve(waiting, reply, forwarded.upstream);
  }

  #serve(waiting: Waiting, reply: UpstreamReply, upstream: string): void {
    const { pipeline } = this.#deps;
    let stored: StoredReply | undefined;
    for (const waiter of this.#takeWaiters(waiting)) {
      pipeline.asked.read(waiter.packet);
      stored ??= this.#store(waiting, reply, upstream);
      this.#reply(waiter, stored, waiting.errand.status);
    }
    // Fetched before its end: nobody waits for it.
    if (stored === undefined && pipeline.asked.take(waiting.question.name, waiting.question.type))
      this.#store(waiting, reply, upstream);
  }

  /** The pipeline holds the question. */
  #store(waiting: Waiting, reply: UpstreamReply, upstream: string): StoredReply {
    const { pipeline, env } = this.#deps;
    const { cache } = pipeline.parts.settings;
    const { table } = pipeline.parts;
    const clamped = clampLives(reply, cache);
    const stored =
      cache.size === 0
        ? table.loose(pipeline.asked, waiting.scope, clamped)
        : table.put(pipeline.asked, waiting.scope, clamped);
    const nowMs = env.clock.monotonicMs();
    const least = reply.rcode === 3 || reply.reply === 1 ? 0 : cache.minTtl;
    const most = reply.rcode === 3 || reply.reply === 1 ? cache.maxNegativeTtl : cache.maxTtl;
    const isAnswer = reply.rcode === 0 || reply.rcode === 3;
    const lifeMs = isAnswer ? Math.min(Math.max(reply.lifeSeconds, least), most) * 1000 : FAILURE_MS;
    stored.storedMs = nowMs;
    stored.expiresMs = nowMs + lifeMs;
    stored.refreshMs =
      cache.prefetch && lifeMs >= LEAST_REFRESHED_MS ? nowMs + lifeMs * REFRESH_AT : Number.POSITIVE_INFINITY;
    stored.staleUntilMs = isAnswer ? stored.expiresMs + cache.staleSeconds * 1000 : 0;
    stored.retryMs = 0;
    stored.epoch = pipeline.epoch;
    stored.allowedFor = 0;
    stored.isLocal = false;
    stored.upstream = upstream;
    stored.authentic = reply.authentic;
    stored.ede = reply.ede;
    stored.aliases = waiting.errand.alias === undefined ? reply.aliases : [];
    return stored;
  }

  #reply(waiter: Waiter, stored: StoredReply, status: Errand["status"]): void {
    const { packet, client, way } = waiter;
    const { door } = way;
    const durationMs = this.#deps.env.clock.monotonicMs() - waiter.startedMs;
    const length = this.#deps.pipeline.reply(packet, stored, { out: this.#out, client, door, status, durationMs });
    if (length > 0) way.send(this.#out.subarray(0, length));
  }

  #serveStale(stale: StoredReply, waiter: Waiter): void {
    this.#deps.pipeline.asked.read(waiter.packet);
    this.#reply(waiter, stale, QUERY_STATUS.stale);
  }

  #fail({ packet, client, way, startedMs }: Waiter): void {
    const { pipeline, env } = this.#deps;
    pipeline.asked.read(packet);
    const durationMs = env.clock.monotonicMs() - startedMs;
    way.send(this.#out.subarray(0, pipeline.fail(packet, { out: this.#out, client, door: way.door, durationMs })));
  }

  /** For an alias: its records, and behind them what was said of its target. */
  #replyOf({ errand, question, waiters }: Waiting, reply: UpstreamReply): UpstreamReply | undefined {
    const { alias } = errand;
    const [first] = waiters;
    if (alias === undefined) return reply;
    const { asked } = this.#deps.pipeline;
    if (first === undefined || asked.read(first.packet) !== 0) return undefined;
    const more = readMessage(reply.bytes)?.answers ?? [];
    const rcode = reply.rcode === 3 ? "NXDOMAIN" : "NOERROR";
    const ttl = Math.min(reply.lifeSeconds, 60);
    const parts = { rcode, records: alias.records, more, zone: alias.target, ttl, isOurs: false } as const;
    const { bytes } = writeAnswer(this.#messages, asked, parts);
    return readReply(bytes, { ...question, name: Buffer.from(asked.name.subarray(0, asked.nameLength)) });
  }

  #takeWaiters(waiting: Waiting): readonly Waiter[] {
    const { waiters } = waiting;
    waiting.waiters = [];
    return waiters;
  }

  #wireOf(name: string): Uint8Array {
    const text = Buffer.from(name, "latin1");
    const length = this.#coder.encode(text, 0, text.length);
    return this.#coder.out.slice(0, Math.max(length, 1));
  }
}

function isAbout({ question, scope: its, name }: Waiting, asked: Asked, scope: number): boolean {
  if (question.type !== asked.type || its !== scope || name.length !== asked.nameLength) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== asked.name[i]) return false;
  return true;
}

/** No record is said to live longer than it is kept, nor shorter than the least. */
function clampLives(
  reply: UpstreamReply,
  { minTtl, maxTtl }: { readonly minTtl: number; readonly maxTtl: number },
): UpstreamReply {
  const { bytes, ttlAt } = reply;
  for (const at of ttlAt) {
    const ttl =
      (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>>
      0;
    if (ttl > maxTtl) writeLong(bytes, at, ttl > 0x7fffffff ? 0 : maxTtl);
    else if (ttl < minTtl && reply.rcode === 0) writeLong(bytes, at, minTtl);
  }
  return reply;
}

function writeLong(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = (value >>> (24 - 8 * i)) & 255;
}
