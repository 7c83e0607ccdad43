import type { Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { collect } from "./gc.ts";
import { DEFAULT_SETTINGS, type GcAges, type ServerSettings } from "./settings.ts";
import { inSlices, nextTurn } from "./schedule/steps.ts";
import { nowNsOf, readable, type ServerContext } from "./server-context.ts";

/** Deletes in one transaction. */
const CHUNK = 500;

/** Collects garbage from time to time; writes nothing when there is none. */
export class Collector {
  readonly #context: ServerContext;
  readonly #settings: Pick<ServerSettings, "gcAges" | "gcIntervalMs">;
  #timer: Timer | undefined;
  #running = false;

  constructor(context: ServerContext, settings: Pick<ServerSettings, "gcAges" | "gcIntervalMs"> = DEFAULT_SETTINGS) {
    this.#context = context;
    this.#settings = settings;
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
  async run(ages: GcAges = this.#settings.gcAges): Promise<number> {
    const { state, writer } = this.#context;
    const { clock } = this.#context.env;
    const ops = await inSlices(collect(state, ages, nowNsOf(this.#context)), clock);
    let revision = state.index;
    for (let at = 0; at < ops.length; at += CHUNK) {
      revision = await writer.write(ops.slice(at, at + CHUNK));
      await nextTurn(clock);
    }
    return readable(this.#context, revision);
  }

  #arm(): void {
    if (!this.#running) return;
    const { clock, log } = this.#context.env;
    this.#timer = clock.after(this.#settings.gcIntervalMs, () => {
      this.run()
        .catch((thrown: unknown) => log.error("garbage could not be collected", { reason: messageOf(thrown) }))
        .finally(() => this.#arm());
    });
  }
}
