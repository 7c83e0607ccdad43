import type { Env } from "#base/env/env.ts";
import type { Result } from "#base/env/errors.ts";
import type { StandByAnswer } from "#daemons/cluster/calls.ts";

/** Servers beside the one that has the state before it moves to etcd by itself: two make three. */
const ENOUGH = 2;
/** A server that waits asks every second. */
const HEARD_MS = 5000;
/** After a move that failed. */
const AGAIN_MS = 60_000;

export interface StandBysDeps {
  readonly env: Pick<Env, "clock" | "log">;
  /** Where the state is kept, as whoever waits is to know it. */
  readonly where: () => Exclude<StandByAnswer, { engine: "sqlite" }> | undefined;
  readonly move: () => Promise<Result<void>>;
}

/** The servers that joined, and wait until several hold the state together. */
export class StandBys {
  readonly #deps: StandBysDeps;
  readonly #heardMs = new Map<string, number>();
  #isMoving = false;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(deps: StandBysDeps) {
    this.#deps = deps;
  }

  /** A server asks what it is to do; the second that waits sets the move in motion. */
  hear(nodeId: string): StandByAnswer {
    const { env, where } = this.#deps;
    const nowMs = env.clock.monotonicMs();
    this.#heardMs.set(nodeId, nowMs);
    for (const [id, heardMs] of this.#heardMs) if (nowMs - heardMs > HEARD_MS) this.#heardMs.delete(id);
    const shared = where();
    if (shared !== undefined) return shared;
    const wanted = Math.max(0, ENOUGH - this.#heardMs.size);
    if (wanted === 0) void this.#move(nowMs);
    return { engine: "sqlite", wanted };
  }

  async #move(nowMs: number): Promise<void> {
    if (this.#isMoving || nowMs - this.#triedMs < AGAIN_MS) return;
    this.#isMoving = true;
    this.#triedMs = nowMs;
    const { env, move } = this.#deps;
    env.log.info("there are three servers: the state moves to etcd", { waiting: [...this.#heardMs.keys()].join(" ") });
    const done = await move();
    this.#isMoving = false;
    if (!done.ok) env.log.error("the state stays with one server", { error: done.error.message });
  }
}
