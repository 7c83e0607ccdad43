import type { Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { MAX_TXN_OPS } from "#base/state/store.ts";
import { collect, DEFAULT_GC_AGES, type GcAges } from "./gc.ts";
import { nowNsOf, readable, type ServerContext } from "./server-context.ts";

/** How often what is over is collected. */
export const GC_INTERVAL_MS = 300_000;

/** Collects garbage from time to time; writes nothing when there is none. */
export class Collector {
  readonly #context: ServerContext;
  #timer: Timer | undefined;
  #running = false;

  constructor(context: ServerContext) {
    this.#context = context;
  }

  start(): void {
    this.#running = true;
    this.#arm();
  }

  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
  }

  /** Resolves with the revision after which it is gone. */
  async run(ages: GcAges = DEFAULT_GC_AGES): Promise<number> {
    const { state, writer } = this.#context;
    const ops = collect(state, ages, nowNsOf(this.#context));
    let revision = state.index;
    for (let at = 0; at < ops.length; at += MAX_TXN_OPS) revision = await writer.write(ops.slice(at, at + MAX_TXN_OPS));
    return readable(this.#context, revision);
  }

  #arm(): void {
    if (!this.#running) return;
    const { clock, log } = this.#context.env;
    this.#timer = clock.after(GC_INTERVAL_MS, () => {
      this.run()
        .catch((thrown: unknown) => log.error("garbage could not be collected", { reason: messageOf(thrown) }))
        .finally(() => this.#arm());
    });
  }
}
