import type { Clock } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";
import { isSameSecret } from "#base/env/same-secret.ts";

const ID_BYTES = 24;
/** Attempts at a password, of everybody together, within {@link WINDOW_MS}. */
const MAX_ATTEMPTS = 5;
const WINDOW_MS = 2000;

export interface Session {
  readonly number: number;
  readonly sid: string;
  readonly csrf: string;
  readonly isApp: boolean;
  readonly loginMs: number;
  readonly remote: string;
  readonly userAgent: string;
  readonly forwardedFor: string | null;
  lastMs: number;
  untilMs: number;
}

export interface Visitor {
  readonly remote: string;
  readonly userAgent: string;
  readonly forwardedFor: string | null;
  readonly isApp: boolean;
}

/** Who is logged in. In memory: whoever was, logs in again after a restart. */
export class Sessions {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sessions = new Map<number, Session>();
  #last = 0;
  #attempts: number[] = [];
  /** Steps of the second factor that were taken. */
  #lastStep = -1;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether one more attempt may be made now. */
  mayTry(): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#attempts = this.#attempts.filter((at) => nowMs - at < WINDOW_MS);
    if (this.#attempts.length >= MAX_ATTEMPTS) return false;
    this.#attempts.push(nowMs);
    return true;
  }

  /** False when the step was taken before. */
  takeStep(step: number): boolean {
    if (step <= this.#lastStep) return false;
    this.#lastStep = step;
    return true;
  }

  /** Undefined when there are too many. */
  open(visitor: Visitor, limits: { readonly maxSessions: number; readonly seconds: number }): Session | undefined {
    this.#prune();
    if (this.#sessions.size >= limits.maxSessions) return undefined;
    const nowMs = this.#clock.nowMs();
    const session: Session = {
      ...visitor,
      number: (this.#last += 1),
      sid: this.#secret(),
      csrf: this.#secret(),
      loginMs: nowMs,
      lastMs: nowMs,
      untilMs: nowMs + limits.seconds * 1000,
    };
    this.#sessions.set(session.number, session);
    return session;
  }

  /** By its id, in constant time; undefined when there is none. */
  find(sid: string): Session | undefined {
    this.#prune();
    let found: Session | undefined;
    for (const session of this.#sessions.values()) if (isSameSecret(session.sid, sid)) found = session;
    return found;
  }

  /** Used again: lives on. */
  touch(session: Session, seconds: number): void {
    session.lastMs = this.#clock.nowMs();
    session.untilMs = session.lastMs + seconds * 1000;
  }

  close(number: number): boolean {
    return this.#sessions.delete(number);
  }

  /** A password was changed. */
  closeAll(): void {
    this.#sessions.clear();
  }

  all(): readonly Session[] {
    this.#prune();
    return [...this.#sessions.values()];
  }

  #prune(): void {
    const nowMs = this.#clock.nowMs();
    for (const { number, untilMs } of this.#sessions.values()) if (untilMs <= nowMs) this.#sessions.delete(number);
  }

  #secret(): string {
    return Buffer.from(this.#random.bytes(ID_BYTES)).toString("base64url");
  }
}
