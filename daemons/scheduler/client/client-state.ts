import { textOf, utf8 } from "#base/env/bytes.ts";
import type { Timer } from "#base/env/clock.ts";
import type { AppendFile } from "#base/env/disk.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Job } from "#base/protocol/job.ts";
import type { ClientAlloc } from "../link.ts";
import type { HealthVerdict } from "./alloc/alloc-health.ts";
import { jobKey, replay, snapshot, type SavedAlloc } from "./client-state-lines.ts";
import type { TaskRecord } from "./task/task-record.ts";

/** What this node must know of its allocations when the agent starts again, in one file that only grows. */
export interface ClientState {
  /** What the agent before kept. Damaged lines are left out and counted in the log. */
  readonly saved: ReadonlyMap<string, SavedAlloc>;
  keepAlloc(current: ClientAlloc): void;
  keepTask(allocId: string, task: string, record: TaskRecord): void;
  keepHealth(allocId: string, health: HealthVerdict): void;
  forget(allocId: string): void;
  /** Resolves when all of it is with the system, and on disk. */
  close(): Promise<void>;
}

/** A kill -9 loses nothing that was appended; a power cut at most this much, and no process survives that one. */
const SYNC_AFTER_MS = 1000;
/** The file is written anew when it is this large and more than half of it is history. */
const COMPACT_BYTES = 4 * 1024 * 1024;

/** A disk that refused is tried again after so long. */
const REWRITE_AFTER_MS = 5000;

export async function openClientState(env: Env, path: string): Promise<ClientState> {
  const bytes = await env.disk.read(path);
  const text = bytes === undefined ? "" : textOf(bytes);
  const { live, damaged } = replay(text);
  // The last line is torn when the machine lost power while it was written.
  if (damaged > 0) env.log.warn("left out damaged lines of the client's state", { path, lines: damaged });
  const log = new StateLog(env, path, live);
  // What is whole is gone on with: a start writes nothing.
  if (damaged > 0 || !(text === "" || text.endsWith("\n"))) await log.rewrite();
  return log;
}

class StateLog implements ClientState {
  readonly saved: ReadonlyMap<string, SavedAlloc>;
  readonly #env: Env;
  readonly #path: string;
  readonly #live: Map<string, SavedAlloc>;
  readonly #jobs = new Map<string, number>();
  /** Newest line per subject: what changes twice before it is written is written once. */
  #pending = new Map<string, string>();
  #file: AppendFile | undefined;
  #writing: Promise<void> | undefined;
  #sync: Timer | undefined;
  /** The file misses something or ends in half a line, so that only a new one is right again. */
  #stale = false;
  #retry: Timer | undefined;
  #compactAt = COMPACT_BYTES;

  constructor(env: Env, path: string, live: Map<string, SavedAlloc>) {
    this.#env = env;
    this.#path = path;
    this.#live = live;
    this.saved = new Map(live);
    for (const { current } of live.values()) this.#useJob(current.job);
  }

  keepAlloc(current: ClientAlloc): void {
    const { ID } = current.alloc;
    const before = this.#live.get(ID);
    this.#live.set(ID, { current, tasks: before?.tasks ?? {}, health: before?.health ?? null });
    const key = jobKey(current.job);
    if (before === undefined || jobKey(before.current.job) !== key) {
      if (this.#useJob(current.job) === 1) this.#put(`job ${key}`, { job: key, value: current.job });
      if (before !== undefined) this.#dropJob(before.current.job);
    }
    this.#put(`alloc ${ID}`, { alloc: ID, value: current.alloc, jobKey: key, index: current.modifyIndex });
  }

  keepTask(allocId: string, task: string, record: TaskRecord): void {
    const found = this.#live.get(allocId);
    if (found === undefined) return;
    found.tasks[task] = record;
    this.#put(`task ${allocId} ${task}`, { task: [allocId, task], value: record });
  }

  keepHealth(allocId: string, health: HealthVerdict): void {
    const found = this.#live.get(allocId);
    if (found === undefined) return;
    found.health = health;
    this.#put(`health ${allocId}`, { health: allocId, value: health });
  }

  forget(allocId: string): void {
    const found = this.#live.get(allocId);
    if (found === undefined) return;
    this.#live.delete(allocId);
    this.#dropJob(found.current.job);
    this.#put(`gone ${allocId}`, { gone: allocId });
  }

  async close(): Promise<void> {
    this.#sync?.cancel();
    while (this.#writing !== undefined) await this.#writing;
    if (this.#stale) await this.rewrite();
    this.#retry?.cancel();
    if (this.#file === undefined) return;
    await this.#file.sync();
    await this.#file.close();
    this.#file = undefined;
  }

  #useJob(job: Job): number {
    const count = (this.#jobs.get(jobKey(job)) ?? 0) + 1;
    this.#jobs.set(jobKey(job), count);
    return count;
  }

  #dropJob(job: Job): void {
    const count = (this.#jobs.get(jobKey(job)) ?? 0) - 1;
    if (count > 0) this.#jobs.set(jobKey(job), count);
    else this.#jobs.delete(jobKey(job));
  }

  #put(subject: string, line: unknown): void {
    this.#pending.delete(subject);
    this.#pending.set(subject, `${JSON.stringify(line)}\n`);
    // A disk that is full is asked again after a while, not for each change.
    if (this.#retry === undefined) this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    await new Promise<void>((resolve) => this.#env.clock.soon(resolve));
    while (this.#pending.size > 0 && this.#retry === undefined) {
      const lines = [...this.#pending.values()].join("");
      this.#pending = new Map();
      await this.#append(utf8(lines)).catch((thrown: unknown) => this.#failed(thrown));
    }
    this.#writing = undefined;
  }

  /** Writes the file anew from what is live; where that fails too, again later. */
  async rewrite(): Promise<void> {
    this.#pending = new Map();
    try {
      await this.#compact();
      if (this.#stale) this.#env.log.info("the client's state is kept on disk again", { path: this.#path });
      this.#stale = false;
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #failed(thrown: unknown): void {
    const trouble = { error: messageOf(thrown), againAfterMs: REWRITE_AFTER_MS };
    if (!this.#stale) this.#env.log.error("cannot keep the client's state; a restart now would restart tasks", trouble);
    this.#stale = true;
    this.#retry ??= this.#env.clock.after(REWRITE_AFTER_MS, () => {
      this.#retry = undefined;
      this.#writing ??= this.rewrite().then(() => this.#write());
    });
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#file ??= await this.#env.disk.openAppend(this.#path, { mode: 0o600 });
    await this.#file.append(bytes);
    if (this.#file.size > this.#compactAt) await this.#compact();
    this.#sync ??= this.#env.clock.after(SYNC_AFTER_MS, () => {
      this.#sync = undefined;
      this.#file?.sync().catch((thrown: unknown) => this.#failed(thrown));
    });
  }

  async #compact(): Promise<void> {
    const text = utf8(snapshot(this.#live));
    this.#compactAt = Math.max(COMPACT_BYTES, text.length * 2);
    await this.#file?.close();
    this.#file = undefined;
    await this.#env.disk.replace(this.#path, text, { mode: 0o600 });
  }
}
