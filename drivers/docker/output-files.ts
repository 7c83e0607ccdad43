import { basename, dirname, join } from "node:path/posix";
import type { AppendFile } from "#base/env/disk.ts";
import type { Env } from "#base/env/env.ts";

export interface OutputPlace {
  readonly containerId: string;
  /** Files as they were called when the task started; rotation has moved on since. */
  readonly stdoutPath: string;
  readonly stderrPath: string;
}

/** The ends of a task's log files, one for each stream. */
export class OutputFiles {
  readonly #env: Env;
  readonly #target: OutputPlace;
  readonly #open = new Map<string, AppendFile>();

  constructor(env: Env, target: OutputPlace) {
    this.#env = env;
    this.#target = target;
  }

  async append(stream: "stdout" | "stderr", data: Uint8Array): Promise<void> {
    await (await this.#file(stream)).append(data);
  }

  /** Bytes in each, those that rotation has cut off included. */
  async sizes(): Promise<{ readonly stdout: number; readonly stderr: number }> {
    return { stdout: (await this.#file("stdout")).size, stderr: (await this.#file("stderr")).size };
  }

  async #file(stream: "stdout" | "stderr"): Promise<AppendFile> {
    const open = this.#open.get(stream);
    if (open !== undefined) return open;
    const path = stream === "stdout" ? this.#target.stdoutPath : this.#target.stderrPath;
    const file = await this.#env.disk.openAppend(await livePath(this.#env, path));
    this.#open.set(stream, file);
    return file;
  }

  async lastWriteMs(): Promise<number> {
    const times = await Promise.all(
      [this.#target.stdoutPath, this.#target.stderrPath].map(
        async (path) => (await this.#env.disk.stat(await livePath(this.#env, path)))?.modifiedMs ?? 0,
      ),
    );
    return Math.max(...times);
  }

  async close(): Promise<void> {
    for (const file of this.#open.values()) await file.close();
    this.#open.clear();
  }
}

/** The log with the highest number beside this one: rotation renames the file being written. */
async function livePath(env: Env, path: string): Promise<string> {
  const [folder, prefix] = [dirname(path), basename(path).replace(/\d+$/, "")];
  const numbers = (await env.disk.list(folder)).flatMap((name) =>
    name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)) ? [Number(name.slice(prefix.length))] : [],
  );
  return numbers.length === 0 ? path : join(folder, `${prefix}${Math.max(...numbers)}`);
}
