import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { Haproxy } from "../haproxy/haproxy.ts";
import type { Processes } from "../haproxy/processes.ts";

export interface WatchdogOptions {
  readonly env: Env;
  readonly haproxy: Haproxy;
  readonly program: string;
  /** Between two looks. Default 5000. */
  readonly lookMs?: number | undefined;
  readonly onProcesses: (processes: Processes) => void;
  /** The program was replaced, as by an upgrade of its package. */
  readonly onUpgrade: () => void;
}

const LOOK_MS = 5000;
/** One that does not answer is looked at again this soon. */
const AGAIN_MS = 500;
const FAILURES = 2;

/** Looks at HAProxy now and then: one that does not answer is ended and started again, one that was upgraded is reloaded. */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #timer: Timer | undefined;
  #failures = 0;
  #program = "";
  #stopped = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** Notes which program it is that is about to be run. */
  async start(): Promise<void> {
    this.#program = (await this.#shape()) ?? "";
    if (!this.#stopped) this.#later();
  }

  #later(): void {
    const { env, lookMs = LOOK_MS } = this.#options;
    this.#timer = env.clock.after(this.#failures > 0 ? Math.min(AGAIN_MS, lookMs) : lookMs, () => void this.#look());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { env, haproxy, onProcesses, onUpgrade } = this.#options;
    if (haproxy.isRunning) {
      const [info, processes] = [await haproxy.ask("show info"), await haproxy.endOldWorkers()];
      const isWell = info.ok && processes !== undefined;
      this.#failures = isWell || haproxy.isComingUp ? 0 : this.#failures + 1;
      if (processes !== undefined) onProcesses(processes);
      if (this.#failures >= FAILURES && !this.#stopped) {
        env.log.error("HAProxy does not answer, ending it");
        this.#failures = 0;
        await haproxy.kill();
      }
      const shape = (await this.#shape()) ?? this.#program;
      if (this.#program !== "" && shape !== this.#program) onUpgrade();
      this.#program = shape;
    }
    if (!this.#stopped) this.#later();
  }

  /** Undefined: there is no such file, as in the middle of an upgrade. */
  async #shape(): Promise<string | undefined> {
    const { env, program } = this.#options;
    const stat = await env.disk.stat(program).catch(() => undefined);
    return stat === undefined ? undefined : `${stat.size} ${stat.modifiedMs}`;
  }
}
