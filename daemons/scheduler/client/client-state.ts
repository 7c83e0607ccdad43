import * as v from "valibot";
import { textOf, utf8 } from "#base/env/bytes.ts";
import type { Timer } from "#base/env/clock.ts";
import type { AppendFile } from "#base/env/disk.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { AllocSchema } from "#base/protocol/alloc.ts";
import { JobSchema } from "#base/protocol/job.ts";
import type { Job } from "#base/protocol/job.ts";
import type { ClientAlloc } from "../link.ts";
import type { HealthVerdict } from "./alloc/alloc-health.ts";
import { TaskRecordSchema } from "./task/task-record.ts";
import type { TaskRecord } from "./task/task-record.ts";

export interface SavedAlloc {
  readonly current: ClientAlloc;
  readonly tasks: Record<string, TaskRecord>;
  health: HealthVerdict | null;
}

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

const HealthSchema = v.object({ Healthy: v.boolean(), Timestamp: v.number() });
const LineSchema = v.union([
  v.object({ job: v.string(), value: JobSchema }),
  v.object({ alloc: v.string(), value: AllocSchema, jobKey: v.string(), index: v.number() }),
  v.object({ task: v.tuple([v.string(), v.string()]), value: TaskRecordSchema }),
  v.object({ health: v.string(), value: HealthSchema }),
  v.object({ gone: v.string() }),
]);

export async function openClientState(env: Env, path: string): Promise<ClientState> {
  const bytes = await env.disk.read(path);
  const live = replay(env, path, bytes === undefined ? "" : textOf(bytes));
  const log = new StateLog(env, path, live);
  if (bytes !== undefined) await log.rewrite();
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

function replay(env: Env, path: string, text: string): Map<string, SavedAlloc> {
  const live = new Map<string, SavedAlloc>();
  const jobs = new Map<string, Job>();
  let damaged = 0;
  for (const raw of text.split("\n")) {
    if (raw === "") continue;
    const line = parseLine(raw);
    if (line === undefined) damaged += 1;
    else apply(line, live, jobs);
  }
  // The last line is torn when the machine lost power while it was written.
  if (damaged > 0) env.log.warn("left out damaged lines of the client's state", { path, lines: damaged });
  return live;
}

type Line = v.InferOutput<typeof LineSchema>;

function parseLine(raw: string): Line | undefined {
  try {
    const parsed = v.safeParse(LineSchema, JSON.parse(raw));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

function apply(line: Line, live: Map<string, SavedAlloc>, jobs: Map<string, Job>): void {
  if ("job" in line) {
    jobs.set(line.job, line.value);
  } else if ("alloc" in line) {
    const job = jobs.get(line.jobKey);
    if (job === undefined) return;
    const before = live.get(line.alloc);
    const current = { alloc: line.value, job, modifyIndex: line.index };
    live.set(line.alloc, { current, tasks: before?.tasks ?? {}, health: before?.health ?? null });
  } else if ("task" in line) {
    const found = live.get(line.task[0]);
    if (found !== undefined) found.tasks[line.task[1]] = line.value;
  } else if ("health" in line) {
    const found = live.get(line.health);
    if (found !== undefined) found.health = line.value;
  } else {
    live.delete(line.gone);
  }
}

function snapshot(live: ReadonlyMap<string, SavedAlloc>): string {
  const lines: unknown[] = [];
  const jobs = new Set<string>();
  for (const [id, { current, tasks, health }] of live) {
    const key = jobKey(current.job);
    if (!jobs.has(key)) lines.push({ job: key, value: current.job });
    jobs.add(key);
    lines.push({ alloc: id, value: current.alloc, jobKey: key, index: current.modifyIndex });
    for (const [task, record] of Object.entries(tasks)) lines.push({ task: [id, task], value: record });
    if (health !== null) lines.push({ health: id, value: health });
  }
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** The submit time tells a purged job from its namesake. */
function jobKey(job: Job): string {
  return `${job.Namespace}/${job.ID}@${job.Version}/${job.SubmitTime}`;
}
