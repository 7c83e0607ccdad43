import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import type { Child } from "#base/env/exec.ts";
import { sleep } from "#base/env/clock.ts";

export interface HaproxyOptions {
  readonly env: Env;
  /** Absolute path of the program. */
  readonly program: string;
  /** A folder of our own for configuration and sockets. */
  readonly dir: string;
}

const SIGTERM = 15;
const SIGUSR1 = 10;
const SIGUSR2 = 12;
const STOP_GRACE_MS = 5000;
const RESTART_PAUSE_MS = 1000;

/**
 * One HAProxy in master-worker mode. A configuration is checked before it replaces the last good one; a reload hands
 * the listening sockets from the old worker to the new one, so no connection is refused
 * (https://docs.haproxy.org/2.6/management.html#4).
 */
export class Haproxy {
  readonly #options: HaproxyOptions;
  readonly #stopped = new AbortController();
  #child: Child | undefined;

  constructor(options: HaproxyOptions) {
    this.#options = options;
  }

  get configPath(): string {
    return `${this.#options.dir}/haproxy.cfg`;
  }

  /** Checks, replaces, starts or reloads. On failure what ran goes on as it was. */
  async apply(text: string): Promise<Result<"started" | "reloaded">> {
    const { env, program, dir } = this.#options;
    const candidate = `${dir}/haproxy.next.cfg`;
    await env.disk.replace(candidate, text, { mode: 0o600 });
    const check = await env.exec.run([program, "-c", "-f", candidate], { cwd: dir });
    if (check.code !== 0)
      return fail(
        "haproxy_refused",
        `HAProxy refused the new configuration: ${firstAlert(check.stderr)}`,
        `the last good one stays in force; the refused one is ${candidate}`,
      );
    await env.disk.rename(candidate, this.configPath);
    if (this.#child !== undefined) {
      env.exec.kill(this.#child.pid, SIGUSR2);
      return succeed("reloaded");
    }
    try {
      this.#child = await this.#spawn();
      return succeed("started");
    } catch (error) {
      return fail("haproxy_start", `cannot start ${program}: ${messageOf(error)}`, "install the haproxy package");
    }
  }

  /** New connections are refused at once; those open get a few seconds to finish. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    const child = this.#child;
    if (child === undefined) return;
    const { env } = this.#options;
    env.exec.kill(child.pid, SIGUSR1);
    const ended = await Promise.race([
      child.exited.then(() => true),
      sleep(env.clock, STOP_GRACE_MS).then(() => false),
    ]);
    if (!ended) env.exec.kill(child.pid, SIGTERM);
    await child.exited;
  }

  async #spawn(): Promise<Child> {
    const { env, program, dir } = this.#options;
    const child = await env.exec.spawn([program, "-W", "-db", "-f", this.configPath], {
      env: {},
      // Its sockets have names relative to this folder: HAProxy takes no path longer than 97 characters.
      cwd: dir,
      stdout: "inherit",
      stderr: "inherit",
      detached: false,
    });
    void child.exited.then((exit) => this.#ended(exit.code, exit.signal));
    return child;
  }

  /** HAProxy died: bring it back with the configuration it had, for as long as it takes. */
  async #ended(code: number, signal: number): Promise<void> {
    const { env } = this.#options;
    this.#child = undefined;
    while (!this.#stopped.signal.aborted) {
      env.log.error("HAProxy ended, starting it again", { code, signal, pauseMs: RESTART_PAUSE_MS });
      await sleep(env.clock, RESTART_PAUSE_MS, this.#stopped.signal);
      if (this.#stopped.signal.aborted || this.#child !== undefined) return;
      try {
        this.#child = await this.#spawn();
        return;
      } catch (error) {
        env.log.error("cannot start HAProxy", { error: messageOf(error) });
      }
    }
  }
}

/** The line that says why; HAProxy prints context around it. */
function firstAlert(output: string): string {
  const lines = output.split("\n").map((line) => line.trim());
  return lines.find((line) => line.includes("[ALERT]")) ?? lines.find((line) => line !== "") ?? "no reason given";
}
