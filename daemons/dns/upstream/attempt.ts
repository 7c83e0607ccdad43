import type { Env } from "#base/env/env.ts";
import { Deadline, type Deadlines } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import type { Forwarded, ForwardOptions } from "./forwarded.ts";
import { questionEndOf, questionMessage, type CaseBits, type UpstreamQuestion } from "./question-message.ts";
import type { ReplyReader } from "./reply-reader.ts";
import type { UpstreamServer } from "./server.ts";

const RCODE_NOERROR = 0;
const RCODE_NXDOMAIN = 3;
const TC = 0x02;
/** Times one server is asked the same over UDP. */
const MAX_TRIES = 3;

/** What all attempts of a forwarder have in common. */
export interface AttemptParts extends ForwardOptions {
  readonly env: Pick<Env, "clock">;
  readonly deadlines: Deadlines;
  readonly bits: CaseBits;
  readonly reader: ReplyReader;
}

/** One question until it is answered: servers are asked one after the other, those before them still welcome. */
export class Attempt extends Deadline {
  readonly question: UpstreamQuestion;
  readonly #parts: AttemptParts;
  readonly #order: readonly UpstreamServer[];
  readonly #done: (forwarded: Forwarded | undefined) => void;
  readonly #endMs: number;
  /** Those that nothing was heard of, the newest first. */
  #tries: Try | undefined;
  #asked: UpstreamServer | undefined;
  #next = 0;
  #isStarting = true;
  #isDone = false;
  /** An answer that says only that there is none: used when nobody knows better. */
  #poor: Forwarded | undefined;

  constructor(
    parts: AttemptParts,
    order: readonly UpstreamServer[],
    asking: {
      readonly question: UpstreamQuestion;
      readonly nowMs: number;
      readonly done: (forwarded: Forwarded | undefined) => void;
    },
  ) {
    super();
    this.#parts = parts;
    this.#order = order;
    this.question = asking.question;
    this.#done = asking.done;
    this.#endMs = asking.nowMs + parts.timeoutMs;
  }

  start(nowMs: number): void {
    const { mode, env } = this.#parts;
    if (this.#order.length === 0) return env.clock.soon(() => this.#finish(undefined));
    if (mode === "parallel") for (const _ of this.#order) this.#askNext(nowMs);
    else this.#askNext(nowMs);
    this.#isStarting = false;
  }

  override onDue(nowMs: number): void {
    if (this.#isDone) return;
    if (nowMs >= this.#endMs) return this.#finish(this.#poor);
    this.#asked?.missed(nowMs);
    this.#askNext(nowMs);
  }

  answered(answer: Uint8Array | undefined, of: Try): void {
    this.#forget(of);
    if (this.#isDone) return;
    const nowMs = this.#parts.env.clock.monotonicMs();
    const { server } = of;
    if (answer === undefined) {
      server.missed(nowMs);
      return this.#nothingFrom(nowMs);
    }
    server.answered(nowMs - of.startedMs);
    if (of.isUdp && ((answer[2] ?? 0) & TC) !== 0) return this.#ask(server, { nowMs, overStream: true });
    const reply = this.#parts.reader.read(answer, this.question);
    if (reply === undefined) return this.#nothingFrom(nowMs);
    const forwarded = { reply, upstream: server.address.text };
    if (reply.rcode === RCODE_NOERROR || reply.rcode === RCODE_NXDOMAIN) return this.#finish(forwarded);
    this.#poor ??= forwarded;
    this.#nothingFrom(nowMs);
  }

  #askNext(nowMs: number): void {
    const { deadlines, mode } = this.#parts;
    const order = this.#order;
    const server = order[this.#next % order.length];
    if (this.#isDone) return;
    if (this.#next >= order.length * MAX_TRIES || server === undefined) return deadlines.set(this, this.#endMs);
    const round = Math.floor(this.#next / order.length);
    this.#next += 1;
    // A stream loses nothing: asking it again is no use.
    if (round > 0 && server.address.protocol !== "udp" && this.#tries !== undefined) return this.#askNext(nowMs);
    this.#asked = server;
    const isLast = mode !== "parallel" || this.#next >= order.length;
    const wait = isLast ? server.patienceMs() * (round + 1) : Number.POSITIVE_INFINITY;
    deadlines.set(this, Math.min(this.#endMs, nowMs + wait));
    this.#ask(server, { nowMs, overStream: false });
  }

  #ask(server: UpstreamServer, { nowMs, overStream }: { readonly nowMs: number; readonly overStream: boolean }): void {
    const isUdp = server.address.protocol === "udp" && !overStream;
    const { bits, randomCase } = this.#parts;
    const message = questionMessage(this.question, randomCase && isUdp ? bits : undefined);
    const exchanger = overStream ? (server.stream ?? server.first) : server.first;
    const begun = new Try(this, server, { message, nowMs, isUdp, overStream });
    begun.next = this.#tries;
    this.#tries = begun;
    exchanger.ask(begun);
  }

  #forget(gone: Try): void {
    if (this.#tries === gone) {
      this.#tries = gone.next;
      return;
    }
    for (let each = this.#tries; each !== undefined; each = each.next) if (each.next === gone) each.next = gone.next;
  }

  /** The next one at once; when all had their turn, the best there is. */
  #nothingFrom(nowMs: number): void {
    if (this.#next < this.#order.length) return this.#askNext(nowMs);
    const isOver = this.#poor !== undefined || this.#next >= this.#order.length * MAX_TRIES;
    if (this.#tries === undefined && isOver) return this.#finish(this.#poor);
    // Refused at once by the only server: it may be starting; it is asked again until the time is over.
  }

  #finish(forwarded: Forwarded | undefined): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#parts.deadlines.cancel(this);
    for (let each = this.#tries; each !== undefined; each = each.next) each.giveUp();
    this.#tries = undefined;
    // Never before `ask` returned.
    if (this.#isStarting) this.#parts.env.clock.soon(() => this.#done(forwarded));
    else this.#done(forwarded);
  }
}

/** One server asked once. */
class Try implements Exchange {
  readonly message: Uint8Array;
  readonly server: UpstreamServer;
  readonly startedMs: number;
  readonly isUdp: boolean;
  readonly #overStream: boolean;
  readonly #attempt: Attempt;
  next: Try | undefined;

  constructor(
    attempt: Attempt,
    server: UpstreamServer,
    how: {
      readonly message: Uint8Array;
      readonly nowMs: number;
      readonly isUdp: boolean;
      readonly overStream: boolean;
    },
  ) {
    this.#attempt = attempt;
    this.server = server;
    this.message = how.message;
    this.startedMs = how.nowMs;
    this.isUdp = how.isUdp;
    this.#overStream = how.overStream;
  }

  get questionEnd(): number {
    return questionEndOf(this.#attempt.question);
  }

  answered(answer: Uint8Array | undefined): void {
    this.#attempt.answered(answer, this);
  }

  giveUp(): void {
    const { server } = this;
    (this.#overStream ? (server.stream ?? server.first) : server.first).giveUp(this);
  }
}
