import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { IngressStatus } from "./status.ts";

export interface TellerOptions {
  readonly env: Env;
  readonly status: () => IngressStatus;
  /** Undefined: nobody wants to know. */
  readonly publish: ((status: IngressStatus) => Promise<void>) | undefined;
  /** Takes what is wrong, whenever that changed. */
  readonly tell: ((problems: IngressStatus["problems"]) => void) | undefined;
  /** Routes are known: that nothing is wrong with them means something. */
  readonly isReady: () => boolean;
}

const PUBLISH_MS = 1000;

/** Says how the ingress is, whenever that is something else than before: in its log and where all ingresses say it. */
export class Teller {
  readonly #options: TellerOptions;
  #published = "";
  #logged = "";
  #told: string | undefined;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Each problem is logged once while it lasts. */
  report(): void {
    const { env, status, tell, isReady } = this.#options;
    const found = status().problems;
    const problems = found.map(
      ({ service, message, hint = "" }) => `${service === "" ? "" : `service ${service}: `}${message}; ${hint}`,
    );
    const all = problems.join("\n");
    if (all !== this.#told && isReady()) {
      this.#told = all;
      tell?.(found);
    }
    if (all !== this.#logged) {
      for (const problem of problems) if (!this.#logged.includes(problem)) env.log.warn(problem);
      this.#logged = all;
    }
    this.publishSoon();
  }

  publishSoon(): void {
    const { env, status, publish } = this.#options;
    if (publish === undefined || this.#timer !== undefined || this.#stopped) return;
    this.#timer = env.clock.after(PUBLISH_MS, () => {
      this.#timer = undefined;
      const now = status();
      // Counters alone are no news: an idle ingress writes nothing.
      const news = JSON.stringify({ ...now, at: "", haproxy: { ...now.haproxy, commands: 0 } });
      if (news === this.#published) return;
      publish(now).then(
        () => (this.#published = news),
        (error: unknown) => env.log.warn("cannot publish the status", { error: messageOf(error) }),
      );
    });
  }
}
