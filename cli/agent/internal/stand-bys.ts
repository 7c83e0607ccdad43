import type { Env } from "#base/env/env.ts";
import type { Result } from "#base/env/errors.ts";
import type { StandByAnswer } from "#daemons/cluster/calls.ts";

/** Servers beside the one that has the state before it moves to etcd by itself: two make three. */
const ENOUGH = 2;
/** A server that waits asks every second. */
const HEARD_MS = 5000;
/** What is being placed is waited for so long: something is being placed all the time where a job fails again and again. */
const HOLD_MS = 180_000;
/** After a move that failed. */
const AGAIN_MS = 60_000;

export interface StandBysDeps {
  readonly env: Pick<Env, "clock" | "log">;
  /** Where the state is kept, as whoever waits is to know it. */
  readonly where: () => Exclude<StandByAnswer, { engine: "sqlite" }> | undefined;
  /** A server has to be there for so long before anything is built on it. */
  readonly stableMs: () => number;
  /** Tasks are on their way to nodes: while the state moves nobody is answered, and they would wait. */
  readonly isPlacing: () => boolean;
  readonly move: () => Promise<Result<void>>;
}

interface Heard {
  readonly sinceMs: number;
  readonly lastMs: number;
}

/** The servers that joined, and wait until several hold the state together. */
export class StandBys {
  readonly #deps: StandBysDeps;
  readonly #heard = new Map<string, Heard>();
  #isMoving = false;
  #saidHold = false;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(deps: StandBysDeps) {
    this.#deps = deps;
  }

  /** A server asks what it is to do; once enough of them have stayed, and nothing is being placed, the move is set in motion. */
  hear(nodeId: string): StandByAnswer {
    const { env, where } = this.#deps;
    const nowMs = env.clock.monotonicMs();
    for (const [id, { lastMs }] of this.#heard) if (nowMs - lastMs > HEARD_MS) this.#heard.delete(id);
    this.#heard.set(nodeId, { sinceMs: this.#heard.get(nodeId)?.sinceMs ?? nowMs, lastMs: nowMs });
    const shared = where();
    if (shared !== undefined) return shared;
    const wanted = Math.max(0, ENOUGH - this.#heard.size);
    if (wanted === 0 && !this.#isMoving && this.#isTime()) void this.#move(nowMs);
    return { engine: "sqlite", wanted };
  }

  #isTime(): boolean {
    const { env, stableMs, isPlacing } = this.#deps;
    const waits = [...this.#heard.values()].map(({ sinceMs, lastMs }) => lastMs - sinceMs).toSorted((a, b) => b - a);
    const waitedMs = waits[ENOUGH - 1] ?? 0;
    if (waitedMs < stableMs()) return false;
    if (waitedMs > stableMs() + HOLD_MS || !isPlacing()) return true;
    if (!this.#saidHold)
      env.log.info("there are three servers: the state moves to etcd when what is being placed runs");
    this.#saidHold = true;
    return false;
  }

  async #move(nowMs: number): Promise<void> {
    if (nowMs - this.#triedMs < AGAIN_MS) return;
    this.#isMoving = true;
    this.#triedMs = nowMs;
    const { env, move } = this.#deps;
    env.log.info("there are three servers: the state moves to etcd", { waiting: [...this.#heard.keys()].join(" ") });
    const done = await move();
    this.#isMoving = false;
    if (!done.ok) env.log.error("the state stays with one server", { error: done.error.message });
  }
}
