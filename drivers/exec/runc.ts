import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { ownerName } from "../process/cgroup.ts";
import { DEFAULT_PATH } from "../process/task-process.ts";
import { askProgram } from "../process/program-version.ts";

/** Where runc keeps what it knows of an agent's running containers: gone with them after a reboot. */
export function runcRoot(allocsRoot: string): string {
  return `/run/lares/runc/${ownerName(allocsRoot)}`;
}

const START_TIMEOUT_MS = 60_000;

export interface RuncStart {
  readonly id: string;
  readonly bundle: string;
  readonly pidFile: string;
  readonly stdoutPath: string;
  readonly stderrPath: string;
  readonly noPivotRoot: boolean;
}

/** runc(8), as a program: containers outlive it. */
export class Runc {
  readonly #env: Env;
  readonly #root: string;

  constructor(env: Env, root: string) {
    this.#env = env;
    this.#root = root;
  }

  /** Makes and starts a container, its output going to the end of two files. One program does both in half the time of two. */
  async start(wish: RuncStart): Promise<Result<void>> {
    const made = await this.#run(wish);
    // A folder above its cgroup may have gone with the last task just then.
    if (made.ok || !/cgroup/.test(made.error.message)) return made;
    await this.remove(wish.id);
    return this.#run(wish);
  }

  async #run(wish: RuncStart): Promise<Result<void>> {
    const log = `${wish.bundle}/runc.log`;
    const pivot = wish.noPivotRoot ? ["--no-pivot"] : [];
    const files = ["--bundle", wish.bundle, "--pid-file", wish.pidFile];
    const child = await this.#env.exec.spawn(
      [...this.#base(), "--log", log, "run", "--detach", ...pivot, ...files, wish.id],
      {
        env: { PATH: DEFAULT_PATH },
        // The container inherits both.
        stdout: { appendTo: wish.stdoutPath },
        stderr: { appendTo: wish.stderrPath },
        stdin: "ignore",
        detached: true,
      },
    );
    const timer = this.#env.clock.after(START_TIMEOUT_MS, () => void this.#env.exec.kill(child.pid, SIGKILL));
    const { code, signal } = await child.exited.finally(() => timer.cancel());
    if (code === 0 && signal === 0) return succeed(undefined);
    return fail("RUNC", await this.#reason(log, `runc run ended with ${code}`));
  }

  /** Ends and removes it; fine when there is none. */
  async remove(id: string): Promise<void> {
    await this.#env.exec.run([...this.#base(), "delete", "--force", id], { env: { PATH: DEFAULT_PATH } });
  }

  /** Takes its own folder away, unless containers run on. */
  async leave(): Promise<void> {
    await this.#env.exec.run(["rmdir", this.#root]);
  }

  async list(): Promise<readonly string[]> {
    return this.#env.disk.list(this.#root);
  }

  /** The command line that runs what a process file says in a container. */
  execCommand(id: string, processFile: string, tty: boolean): readonly string[] {
    return [...this.#base(), "exec", ...(tty ? ["--tty"] : []), "--process", processFile, id];
  }

  #base(): readonly string[] {
    return ["runc", "--root", this.#root];
  }

  async #reason(log: string, otherwise: string): Promise<string> {
    const text = await this.#env.disk.read(log).catch(() => undefined);
    const said = [...new TextDecoder().decode(text ?? new Uint8Array()).matchAll(/msg="((?:[^"\\]|\\.)*)"/g)].at(
      -1,
    )?.[1];
    return said === undefined ? otherwise : said.replaceAll('\\"', '"');
  }
}

/** Asks for its version; undefined: there is none. */
export function runcVersion(env: Env): () => Promise<string | undefined> {
  const ask = askProgram(env, ["runc", "--version"]);
  return async () => {
    const said = await ask();
    return said === undefined ? undefined : (/^runc version (\S+)/m.exec(said.stdout)?.[1] ?? "unknown");
  };
}

const SIGKILL = 9;
