import { basename, dirname, join } from "node:path/posix";
import { sleep } from "#base/env/clock.ts";
import type { AppendFile } from "#base/env/disk.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Engine } from "./engine.ts";
import { createFrameReader } from "./frames.ts";

export interface LogTarget {
  readonly containerId: string;
  readonly tty: boolean;
  /** Files as they were called when the task started; rotation has moved on since. */
  readonly stdoutPath: string;
  readonly stderrPath: string;
}

export interface LogCopies {
  /** `resume`: goes on after what the files hold already. */
  start(target: LogTarget, resume: boolean): void;
  /** Resolves when all output of an ended container is copied, or after a grace time. */
  drain(containerId: string): Promise<void>;
  close(): void;
}

interface Copy {
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

const DRAIN_MS = 2000;
const RETRY_MS = 1000;

/** Copies containers' output to the ends of the tasks' log files, one stream each. */
export function createLogCopies(env: Env, engine: Engine): LogCopies {
  const copies = new Map<string, Copy>();
  return {
    start(target, resume) {
      if (copies.has(target.containerId)) return;
      const stop = new AbortController();
      const done = copyUntilEnded(env, engine, { target, resume, signal: stop.signal })
        .catch((thrown: unknown) => env.log.warn("cannot copy a container's output", { error: messageOf(thrown) }))
        .then(() => void copies.delete(target.containerId));
      copies.set(target.containerId, { stop, done });
    },
    async drain(containerId) {
      const copy = copies.get(containerId);
      if (copy === undefined) return;
      await Promise.race([copy.done, sleep(env.clock, DRAIN_MS)]);
      copy.stop.abort();
    },
    close() {
      for (const copy of copies.values()) copy.stop.abort();
    },
  };
}

interface CopyJob {
  readonly target: LogTarget;
  readonly resume: boolean;
  readonly signal: AbortSignal;
}

async function copyUntilEnded(env: Env, engine: Engine, { target, resume, signal }: CopyJob): Promise<void> {
  const files = new OutputFiles(env, target);
  let sinceMs = resume ? await files.lastWriteMs() : 0;
  try {
    while (!signal.aborted) {
      const since = sinceMs === 0 ? "" : `&since=${(sinceMs / 1000).toFixed(3)}`;
      try {
        const path = `/containers/${target.containerId}/logs?follow=1&stdout=1&stderr=1${since}`;
        const response = await engine.stream({ path, signal });
        if (response.status >= 300) {
          if (response.status !== 404)
            env.log.warn("the engine gives no logs of a container", { status: response.status });
          response.abandon();
          return;
        }
        const frames = createFrameReader();
        for await (const chunk of response.body) {
          sinceMs = env.clock.nowMs();
          if (target.tty) await files.append("stdout", chunk);
          else for (const frame of frames(chunk)) await files.append(frame.stream, frame.data);
        }
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        env.log.debug("lost a container's output; following again", { error: messageOf(thrown) });
        await sleep(env.clock, RETRY_MS, signal);
      }
    }
  } finally {
    await files.close();
  }
}

class OutputFiles {
  readonly #env: Env;
  readonly #target: LogTarget;
  readonly #open = new Map<string, AppendFile>();

  constructor(env: Env, target: LogTarget) {
    this.#env = env;
    this.#target = target;
  }

  async append(stream: "stdout" | "stderr", data: Uint8Array): Promise<void> {
    const path = stream === "stdout" ? this.#target.stdoutPath : this.#target.stderrPath;
    let file = this.#open.get(stream);
    if (file === undefined) {
      file = await this.#env.disk.openAppend(await livePath(this.#env, path));
      this.#open.set(stream, file);
    }
    await file.append(data);
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
