import { sleep } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import type { Child, Exit } from "#base/env/exec.ts";
import { argvOf } from "./command.ts";

export interface SupervisorOptions {
  readonly env: Env;
  readonly command: readonly string[];
  /** Signal numbers. `reload` 0: the program is ended and started anew instead. */
  readonly signals: { readonly kill: number; readonly reload: number };
  readonly killTimeoutMs: number;
  /** Before the program is told or ended: a time by chance, at most this long. */
  readonly splayMs: number;
  /** 0: it may run for ever. */
  readonly timeoutMs: number;
  /** The program shares our terminal: it stays in our group, and only it is signalled. */
  readonly sharesTerminal: boolean;
  /** The program ended by itself. `code`: its exit code, 128 + N when signal N ended it. */
  readonly onExit: (code: number) => void;
}

const SIGKILL = 9;

/**
 * One program that is told when something changed. It is not started anew when it ends by itself: that is for whoever
 * started us.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stop = new AbortController();
  #child: { readonly child: Child; readonly env: string } | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Starts it with this environment, or tells the one that runs. Rejects when it cannot be started. */
  update(environment: Readonly<Record<string, string>>): Promise<void> {
    const done = this.#work.then(() => this.#update(environment));
    this.#work = done.catch(() => undefined);
    return done;
  }

  /** Passes a signal on. */
  signal(number: number): void {
    if (this.#child !== undefined) this.#send(this.#child.child, number);
  }

  /** Ends the program: the kill signal, then force. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#work;
    const running = this.#child;
    this.#child = undefined;
    if (running !== undefined) await this.#end(running.child);
  }

  async #update(environment: Readonly<Record<string, string>>): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const running = this.#child;
    if (running === undefined) return this.#start(environment);
    await this.#splay();
    // It may have ended meanwhile.
    if (this.#stop.signal.aborted || this.#child !== running) return;
    const { reload } = this.#options.signals;
    if (reload !== 0 && running.env === JSON.stringify(environment)) {
      this.#send(running.child, reload);
      return;
    }
    this.#child = undefined;
    await this.#end(running.child);
    if (!this.#stop.signal.aborted) await this.#start(environment);
  }

  async #start(environment: Readonly<Record<string, string>>): Promise<void> {
    const { env, command, sharesTerminal, timeoutMs, onExit } = this.#options;
    let child: Child;
    try {
      child = await env.exec.spawn(argvOf(command), {
        env: environment,
        stdin: "inherit",
        stdout: "inherit",
        stderr: "inherit",
        detached: !sharesTerminal,
      });
    } catch (thrown) {
      throw new Error(`the program ${JSON.stringify(command.join(" "))} cannot be started: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    }
    const started = { child, env: JSON.stringify(environment) };
    this.#child = started;
    const limit = timeoutMs === 0 ? undefined : env.clock.after(timeoutMs, () => this.#send(child, SIGKILL));
    void child.exited.then((exit) => {
      limit?.cancel();
      if (this.#child !== started) return;
      this.#child = undefined;
      onExit(codeOf(exit));
    });
  }

  async #splay(): Promise<void> {
    const { env, splayMs } = this.#options;
    if (splayMs > 0) await sleep(env.clock, env.random.float() * splayMs, this.#stop.signal);
  }

  async #end(child: Child): Promise<void> {
    const { env, signals, killTimeoutMs } = this.#options;
    if (signals.kill !== 0) this.#send(child, signals.kill);
    const over = new AbortController();
    const timeout = sleep(env.clock, signals.kill === 0 ? 0 : killTimeoutMs, over.signal).then(() => undefined);
    if ((await Promise.race([child.exited, timeout])) === undefined) this.#send(child, SIGKILL);
    over.abort();
    await child.exited;
  }

  /** To its whole group, where it has one: a shell that started it passes nothing on. */
  #send(child: Child, signal: number): void {
    const { env, sharesTerminal } = this.#options;
    if (sharesTerminal || !env.exec.kill(-child.pid, signal)) env.exec.kill(child.pid, signal);
  }
}

function codeOf({ code, signal }: Exit): number {
  return signal === 0 ? code : 128 + signal;
}
