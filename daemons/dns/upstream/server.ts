import type { Exchanger } from "./exchange.ts";
import type { ServerAddress } from "./server-address.ts";

/** Answers missed in a row until a server counts as dead. */
const DEAD_AFTER = 3;
/** A dead server is tried again after so long. */
const RETRY_DEAD_MS = 10_000;
const FIRST_GUESS_MS = 50;
const STEP_MS = 50;

/** A server and what is known of it. */
export class UpstreamServer {
  readonly address: ServerAddress;
  readonly first: Exchanger;
  /** For answers that were cut; undefined where none can be. */
  readonly stream: Exchanger | undefined;
  /** Smoothed round trip (RFC 6298 §2). */
  rttMs = FIRST_GUESS_MS;
  isMeasured = false;
  #missed = 0;
  #retryAtMs = 0;

  constructor(address: ServerAddress, first: Exchanger, stream: Exchanger | undefined) {
    this.address = address;
    this.first = first;
    this.stream = stream;
  }

  isDead(nowMs: number): boolean {
    return this.#missed >= DEAD_AFTER && nowMs < this.#retryAtMs;
  }

  answered(rttMs: number): void {
    this.rttMs = this.isMeasured ? this.rttMs * 0.875 + rttMs * 0.125 : rttMs;
    this.isMeasured = true;
    this.#missed = 0;
  }

  missed(nowMs: number): void {
    this.#missed += 1;
    this.rttMs = Math.min(this.rttMs * 2, 5000);
    if (this.#missed >= DEAD_AFTER) this.#retryAtMs = nowMs + RETRY_DEAD_MS;
  }

  /** How long to wait for it before another one is asked as well. In steps: timers of the same length are cheap. */
  patienceMs(): number {
    return Math.min(Math.max(Math.ceil((this.rttMs * 3) / STEP_MS) * STEP_MS, 150), 1000);
  }

  async close(): Promise<void> {
    await Promise.all([this.first.close(), this.stream?.close()]);
  }
}
