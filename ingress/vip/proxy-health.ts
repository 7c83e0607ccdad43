import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";

export interface ProxyHealthOptions {
  readonly env: Env;
  /** Answered by HAProxy itself: `http://10.0.0.1:8404/health`. */
  readonly url: string;
  readonly intervalMs: number;
  /** Called for every change, and first when it is known. */
  readonly onChange: (isHealthy: boolean) => void;
}

const TIMEOUT_MS = 1000;
/** One that is busy misses an answer; one that refuses is gone. */
const SILENCES = 2;

/** Asks this node's HAProxy how it is: an address is of use only where something answers at it. */
export class ProxyHealth {
  readonly #options: ProxyHealthOptions;
  readonly #stop = new AbortController();
  #timer: Timer | undefined;
  #isHealthy: boolean | undefined;
  #silences = 0;

  constructor(options: ProxyHealthOptions) {
    this.#options = options;
  }

  get isHealthy(): boolean {
    return this.#isHealthy === true;
  }

  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#stop.abort();
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { env, intervalMs } = this.#options;
    const found = await this.#ask();
    if (this.#stop.signal.aborted) return;
    this.#silences = found === "silent" ? this.#silences + 1 : 0;
    if (found !== "silent" || this.#silences >= SILENCES) this.#is(found === "well");
    this.#timer = env.clock.after(intervalMs, () => void this.#look());
  }

  async #ask(): Promise<"well" | "refused" | "silent"> {
    const { env, url } = this.#options;
    try {
      const answer = await env.http.request({ url, timeoutMs: TIMEOUT_MS, signal: this.#stop.signal });
      await answer.bytes();
      return answer.status === 200 ? "well" : "refused";
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : "";
      return code === "ECONNREFUSED" || code === "ECONNRESET" ? "refused" : "silent";
    }
  }

  #is(isHealthy: boolean): void {
    if (this.#isHealthy === isHealthy) return;
    this.#isHealthy = isHealthy;
    this.#options.onChange(isHealthy);
  }
}
