import { textOf } from "#base/env/bytes.ts";
import { sleep, type Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Child } from "#base/env/exec.ts";

export interface KeepalivedOptions {
  readonly env: Env;
  /** Absolute path of the program. */
  readonly program: string;
  /** A folder of our own. */
  readonly dir: string;
  /** A virtual router of the configuration, by its name, became the one that holds its address, or ceased to be. */
  readonly onState: (router: string, isMaster: boolean) => void;
  /** It ended without being asked to: whatever it held is still on the interfaces. */
  readonly onDeath: () => Promise<void>;
}

const SIGHUP = 1;
const SIGKILL = 9;
const SIGTERM = 15;
const STOP_MS = 5000;
const RESTART_MS = 1000;
const MAX_SAID = 6;
const STATE = /\((?<name>vip-\d+)\) Entering (?<state>MASTER|BACKUP|FAULT) STATE/g;

/** One keepalived that does nothing but VRRP, kept running until stopped. */
export class Keepalived {
  readonly #options: KeepalivedOptions;
  #child: Child | undefined;
  #config = "";
  #again: Timer | undefined;
  /** Its last lines: why it ended. */
  #said: readonly string[] = [];
  #stopped = false;

  constructor(options: KeepalivedOptions) {
    this.#options = options;
  }

  /** Starts it, or tells it to read again: who holds an address goes on holding it. */
  async apply(config: string): Promise<void> {
    const { env, dir } = this.#options;
    if (this.#stopped) return;
    this.#config = config;
    await env.disk.replace(this.#path(), config, { mode: 0o600, durable: false });
    if (this.#child === undefined) return this.#start();
    env.log.info("keepalived reads its configuration again", { dir });
    env.exec.kill(this.#child.pid, SIGHUP);
  }

  /** Says at once that others may take the addresses, and takes them off. */
  async stop(): Promise<void> {
    const { env } = this.#options;
    this.#stopped = true;
    this.#again?.cancel();
    const child = this.#child;
    if (child === undefined) return;
    env.exec.kill(child.pid, SIGTERM);
    const ended = await Promise.race([child.exited.then(() => true), sleep(env.clock, STOP_MS).then(() => false)]);
    if (!ended) env.exec.kill(-child.pid, SIGKILL);
    await child.exited;
  }

  async #start(): Promise<void> {
    const { env, program, dir, onDeath } = this.#options;
    if (this.#stopped || this.#config === "") return;
    try {
      const child = await env.exec.spawn(
        [program, "-n", "-l", "-G", "-P", "-R", "-f", this.#path(), "-p", `${dir}/main.pid`, "-r", `${dir}/vrrp.pid`],
        {
          env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
          cwd: dir,
          stdout: "pipe",
          stderr: "pipe",
          stdin: "ignore",
          onOutput: (_, data) => this.#heard(textOf(data)),
          // Its own group, so that its child goes with it.
          detached: true,
        },
      );
      this.#child = child;
      void child.exited.then(async () => {
        this.#child = undefined;
        env.exec.kill(-child.pid, SIGKILL);
        if (this.#stopped) return;
        env.log.error("keepalived ended, starting it again", { pauseMs: RESTART_MS, said: this.#said.join("; ") });
        await onDeath();
        this.#retry();
      });
    } catch (error) {
      env.log.error("cannot start keepalived", { error: messageOf(error), hint: "apt-get install keepalived" });
      this.#retry();
    }
  }

  #retry(): void {
    if (!this.#stopped) this.#again = this.#options.env.clock.after(RESTART_MS, () => void this.#start());
  }

  #heard(text: string): void {
    const { env, onState } = this.#options;
    for (const { groups } of text.matchAll(STATE)) onState(groups?.["name"] ?? "", groups?.["state"] === "MASTER");
    for (const line of text.split("\n").map((each) => each.trim())) {
      if (line === "") continue;
      this.#said = [...this.#said, line].slice(-MAX_SAID);
      env.log.debug(line);
    }
  }

  #path(): string {
    return `${this.#options.dir}/keepalived.conf`;
  }
}
