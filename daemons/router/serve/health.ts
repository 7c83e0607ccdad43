import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { wanDevice } from "../config/devices.ts";
import type { Wan } from "../config/model.ts";

interface Watched {
  readonly signature: string;
  readonly wan: Wan;
  healthy: boolean;
  /** Checks in a row that say otherwise. */
  against: number;
  timer: Timer | undefined;
  stopped: boolean;
}

export interface HealthOptions {
  readonly env: Env;
  readonly onChange: () => void;
}

/** Asks, through each line, whether the world beyond it answers. A line is down when none of its targets does, several times in a row. */
export class LineHealth {
  readonly #options: HealthOptions;
  readonly #lines = new Map<string, Watched>();

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** By name; lines that are not watched count as healthy. */
  states(): Readonly<Record<string, { readonly healthy: boolean }>> {
    return Object.fromEntries([...this.#lines].map(([name, { healthy }]) => [name, { healthy }]));
  }

  follow(wans: readonly Wan[], known: Readonly<Record<string, { readonly healthy: boolean }>>): void {
    const wanted = new Map(wans.filter(({ health }) => health !== null).map((wan) => [wan.name, wan]));
    for (const [name, watched] of this.#lines)
      if (JSON.stringify(wanted.get(name)) !== watched.signature) {
        end(watched);
        this.#lines.delete(name);
      }
    for (const [name, wan] of wanted) {
      if (this.#lines.has(name)) continue;
      const watched: Watched = {
        signature: JSON.stringify(wan),
        wan,
        healthy: known[name]?.healthy ?? true,
        against: 0,
        timer: undefined,
        stopped: false,
      };
      this.#lines.set(name, watched);
      this.#later(watched);
    }
  }

  stop(): void {
    for (const watched of this.#lines.values()) end(watched);
    this.#lines.clear();
  }

  #later(watched: Watched): void {
    watched.timer = this.#options.env.clock.after(watched.wan.health?.intervalMs ?? 0, () => void this.#check(watched));
  }

  async #check(watched: Watched): Promise<void> {
    const { env, onChange } = this.#options;
    const { wan } = watched;
    const answered = await anyAnswers(env, wan);
    if (watched.stopped) return;
    watched.against = answered === watched.healthy ? 0 : watched.against + 1;
    const { downAfter = 1, upAfter = 1 } = wan.health ?? {};
    if (watched.against >= (watched.healthy ? downAfter : upAfter)) {
      watched.healthy = answered;
      watched.against = 0;
      env.log.warn(`the line ${wan.name} is ${answered ? "up again" : "down"}`);
      onChange();
    }
    this.#later(watched);
  }
}

function end(watched: Watched): void {
  watched.stopped = true;
  watched.timer?.cancel();
}

async function anyAnswers(env: Env, wan: Wan): Promise<boolean> {
  const { targets = [], timeoutMs = 0 } = wan.health ?? {};
  const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
  for (const target of targets) {
    const { code } = await env.exec.run(["ping", "-n", "-q", "-c", "1", "-W", seconds, "-I", wanDevice(wan), target]);
    if (code === 0) return true;
  }
  return false;
}
