import { textOf } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Child, OutputTarget } from "#base/env/exec.ts";
import { readProcesses, type Processes } from "./processes.ts";
import { ask, tell, type SocketOptions } from "./socket.ts";

export interface HaproxyOptions {
  readonly env: Env;
  /** Absolute path of the program. */
  readonly program: string;
  /** A folder of our own for configuration and sockets. */
  readonly dir: string;
  /** Where its access log goes. Default: our own output. */
  readonly accessLog?: OutputTarget;
  /** It ended and could not be kept from it; it was started again. */
  readonly onRestart?: () => void;
}

/** Files below the folder; `haproxy.cfg` among them. Those whose names end in `.ocsp` are base64 here and bytes on the disk. */
export type FileSet = ReadonlyMap<string, string>;

export const CONFIG_FILE = "haproxy.cfg";
const SIGKILL = 9;
const SIGTERM = 15;
const SIGUSR1 = 10;
const SIGUSR2 = 12;
const STOP_GRACE_MS = 5000;
const RESTART_PAUSE_MS = 1000;
const LOOK_MS = 10;
const RELOAD_MS = 30_000;
const COMING_UP_MS = 30_000;
const MAX_SAID = 50;
const MAX_OLD_WORKERS = 8;
const CHECK_MS = 60_000;

/**
 * One HAProxy in master-worker mode. A configuration is checked before it replaces the last good one; a reload hands
 * the listening sockets from the old worker to the new one, so no connection is refused
 * (https://docs.haproxy.org/2.6/management.html#4).
 */
export class Haproxy {
  readonly #options: HaproxyOptions;
  readonly #stopped = new AbortController();
  #child: Child | undefined;
  #spawnedMs = 0;
  #hasAnswered = false;
  #said: string[] = [];
  /** One that does not even come up is not started again: its configuration is at fault. */
  #isStarting = false;

  constructor(options: HaproxyOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** It was started, and reads its configuration: it has not answered yet, and may take some time for that. */
  get isComingUp(): boolean {
    return !this.#hasAnswered && this.#options.env.clock.monotonicMs() - this.#spawnedMs < COMING_UP_MS;
  }

  /** HAProxy's own verdict on files that are not in force. */
  async check(files: FileSet): Promise<Result<null>> {
    const { env, program, dir } = this.#options;
    const stage = `${dir}/next`;
    try {
      await env.disk.makeDir(stage, { mode: 0o700 });
      await this.#write(stage, files);
    } catch (error) {
      return fail(
        "ingress_disk",
        `cannot write the new configuration: ${messageOf(error)}`,
        "make room on the disk; the last good one stays in force",
      );
    }
    const run = await env.exec.run([program, "-c", "-f", CONFIG_FILE], { cwd: stage, timeoutMs: CHECK_MS });
    if (run.code === 0) return succeed(null);
    return fail(
      "haproxy_refused",
      `HAProxy refused the new configuration: ${alertIn(run.stderr.split("\n"))}`,
      `the last good one stays in force; the refused one is in ${stage}`,
    );
  }

  /** Puts files in force without telling HAProxy: it was told already. */
  async store(files: FileSet): Promise<Result<null>> {
    try {
      await this.#write(this.#options.dir, files);
      return succeed(null);
    } catch (error) {
      return fail(
        "ingress_disk",
        `cannot write the configuration: ${messageOf(error)}`,
        "make room on the disk; HAProxy itself runs with the new one",
      );
    }
  }

  /** Checks, replaces, starts or reloads. On failure what ran goes on as it was, and its files (`before`) are put back. */
  async apply(files: FileSet, before?: FileSet): Promise<Result<"started" | "reloaded">> {
    const checked = await this.check(files);
    if (!checked.ok) return checked;
    const stored = await this.store(files);
    const done = !stored.ok ? stored : this.#child === undefined ? await this.#start() : await this.#reload();
    if (!done.ok && before !== undefined) await this.store(before);
    if (!done.ok) return done;
    return succeed(done.value === "started" ? "started" : "reloaded");
  }

  /** Commands for the worker that has the sockets. */
  tell(commands: readonly string[]): Promise<Result<number>> {
    return tell(this.#socket("haproxy.sock"), commands);
  }

  async ask(command: string): Promise<Result<string>> {
    const answer = await ask(this.#socket("haproxy.sock"), command);
    if (answer.ok) this.#hasAnswered = true;
    return answer;
  }

  async processes(): Promise<Processes | undefined> {
    const answer = await ask(this.#socket("master.sock"), "show proc");
    return answer.ok ? readProcesses(answer.value) : undefined;
  }

  /** Ends the oldest workers when too many keep old connections. */
  async endOldWorkers(): Promise<Processes | undefined> {
    const { env } = this.#options;
    const processes = await this.processes();
    for (const pid of (processes?.old ?? []).slice(0, Math.max(0, (processes?.old.length ?? 0) - MAX_OLD_WORKERS))) {
      env.log.warn("too many workers of old configurations: ending the oldest", { pid, limit: MAX_OLD_WORKERS });
      env.exec.kill(pid, SIGTERM);
    }
    return processes;
  }

  /** It answers no more: ended at once, and started again as after any death. */
  async kill(): Promise<void> {
    const { env } = this.#options;
    const child = this.#child;
    if (child === undefined) return;
    // Children of a stopped master would outlive it and keep the sockets.
    const found = await env.exec.run(["pgrep", "-P", String(child.pid)]);
    for (const pid of [
      ...found.stdout
        .split("\n")
        .map(Number)
        .filter((one) => one > 1),
      child.pid,
    ])
      env.exec.kill(pid, SIGKILL);
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
    const obeyed =
      ended || (await Promise.race([child.exited.then(() => true), sleep(env.clock, STOP_GRACE_MS).then(() => false)]));
    if (!obeyed) await this.kill();
    await child.exited;
  }

  #socket(name: string): SocketOptions {
    const { env, dir } = this.#options;
    return { net: env.net, clock: env.clock, path: `${dir}/${name}` };
  }

  async #write(folder: string, files: FileSet): Promise<void> {
    const { disk } = this.#options.env;
    for (const sub of new Set(
      [...files.keys()].filter((file) => file.includes("/")).map((file) => file.slice(0, file.lastIndexOf("/"))),
    ))
      await disk.makeDir(`${folder}/${sub}`, { mode: 0o700 });
    // The configuration last: what it names is there when it is read.
    for (const [file, text] of [...files].toSorted(([a], [b]) => Number(a === CONFIG_FILE) - Number(b === CONFIG_FILE)))
      await disk.replace(`${folder}/${file}`, file.endsWith(".ocsp") ? Buffer.from(text, "base64") : text, {
        mode: 0o600,
        durable: false,
      });
  }

  async #start(): Promise<Result<"started">> {
    this.#said = [];
    this.#isStarting = true;
    const started = await this.#startOnce();
    this.#isStarting = false;
    return started;
  }

  async #startOnce(): Promise<Result<"started">> {
    try {
      this.#child = await this.#spawn();
    } catch (error) {
      return fail(
        "haproxy_start",
        `cannot start ${this.#options.program}: ${messageOf(error)}`,
        "install the haproxy package",
      );
    }
    const child = this.#child;
    const up = await this.#until(
      (processes) => processes.worker !== 0,
      () => this.#child !== child,
    );
    return up === undefined
      ? fail("haproxy_start", `HAProxy did not start: ${alertIn(this.#said)}`)
      : succeed("started");
  }

  async #reload(): Promise<Result<"reloaded">> {
    const { env } = this.#options;
    const before = await this.processes();
    const child = this.#child;
    if (child === undefined || before === undefined)
      return fail("haproxy_hung", "HAProxy's master does not answer", "it is started again when it stays so");
    this.#said = [];
    env.exec.kill(child.pid, SIGUSR2);
    const after = await this.#until(
      ({ reloads, failed, worker }) =>
        reloads > before.reloads && (failed > 0 || (worker !== before.worker && worker !== 0)),
      () => this.#child !== child,
    );
    if (after === undefined) return fail("haproxy_reload", "HAProxy did not finish its reload");
    return after.failed > 0
      ? fail(
          "haproxy_refused",
          `HAProxy could not start with the new configuration: ${alertIn(this.#said)}`,
          "the last good one stays in force",
        )
      : succeed("reloaded");
  }

  async #until(holds: (processes: Processes) => boolean, isOver: () => boolean): Promise<Processes | undefined> {
    const { clock } = this.#options.env;
    const deadline = clock.monotonicMs() + RELOAD_MS;
    while (!isOver() && !this.#stopped.signal.aborted && clock.monotonicMs() < deadline) {
      const processes = await this.processes();
      if (processes !== undefined && holds(processes)) {
        const answer = await this.ask("show info");
        if (processes.failed > 0 || (answer.ok && answer.value.includes(`\nPid: ${processes.worker}\n`)))
          return processes;
      }
      await sleep(clock, LOOK_MS);
    }
    return undefined;
  }

  async #spawn(): Promise<Child> {
    const { env, program, dir, accessLog = "inherit" } = this.#options;
    this.#spawnedMs = env.clock.monotonicMs();
    this.#hasAnswered = false;
    const child = await env.exec.spawn(
      [program, "-W", "-db", "-S", "unix@master.sock,mode,600", "-f", `${dir}/${CONFIG_FILE}`],
      {
        env: {},
        // Its sockets have names relative to this folder: HAProxy takes no path longer than 97 characters.
        cwd: dir,
        stdout: accessLog,
        stderr: "pipe",
        onOutput: (_stream, data) => this.#heard(textOf(data)),
        detached: false,
      },
    );
    void child.exited.then((exit) => this.#ended(exit.code, exit.signal));
    return child;
  }

  #heard(text: string): void {
    const lines = text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
    this.#said = [...this.#said, ...lines].slice(-MAX_SAID);
    for (const line of lines) if (line.startsWith("[ALERT]")) this.#options.env.log.warn("HAProxy says", { line });
  }

  /** HAProxy died: bring it back with the configuration it had, for as long as it takes. */
  async #ended(code: number, signal: number): Promise<void> {
    const { env, onRestart } = this.#options;
    this.#child = undefined;
    if (this.#isStarting) return;
    while (!this.#stopped.signal.aborted) {
      env.log.error("HAProxy ended, starting it again", { code, signal, pauseMs: RESTART_PAUSE_MS });
      await sleep(env.clock, RESTART_PAUSE_MS, this.#stopped.signal);
      if (this.#stopped.signal.aborted || this.#child !== undefined) return;
      try {
        this.#child = await this.#spawn();
        onRestart?.();
        return;
      } catch (error) {
        env.log.error("cannot start HAProxy", { error: messageOf(error) });
      }
    }
  }
}

/** The line that says why; HAProxy prints context around it. */
function alertIn(lines: readonly string[]): string {
  const trimmed = lines.map((line) => line.trim());
  return trimmed.find((line) => line.includes("[ALERT]")) ?? trimmed.find((line) => line !== "") ?? "no reason given";
}
