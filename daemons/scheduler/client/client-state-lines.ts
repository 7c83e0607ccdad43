import * as v from "valibot";
import { AllocSchema, type Alloc } from "#base/protocol/alloc.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";
import type { ClientAlloc } from "../link.ts";
import type { HealthVerdict } from "./alloc/alloc-health.ts";
import { TaskRecordSchema, type TaskRecord } from "./task/task-record.ts";

export interface SavedAlloc {
  readonly current: ClientAlloc;
  readonly tasks: Record<string, TaskRecord>;
  health: HealthVerdict | null;
}

const HealthSchema = v.object({ Healthy: v.boolean(), Timestamp: v.number() });
/** What a line is about. Its `value` is looked at later, where no other line takes its place. */
const LineSchema = v.object({
  job: v.optional(v.string()),
  alloc: v.optional(v.string()),
  task: v.optional(v.tuple([v.string(), v.string()])),
  health: v.optional(v.string()),
  gone: v.optional(v.string()),
  jobKey: v.optional(v.string(), ""),
  index: v.optional(v.number(), 0),
  value: v.optional(v.unknown()),
});

/** The newest of each line that concerns one allocation, unread. */
interface Lines {
  readonly alloc: unknown;
  readonly jobKey: string;
  readonly index: number;
  readonly tasks: Map<string, unknown>;
  health: unknown;
}

export interface Replayed {
  readonly live: Map<string, SavedAlloc>;
  /** Lines that cannot be read, or do not fit. */
  readonly damaged: number;
}

/** Reads what was kept. Most lines are history: only those that still hold are read as what they stand for. */
export function replay(text: string): Replayed {
  const reader = new LineReader();
  for (const line of text.split("\n")) if (line !== "") reader.take(line);
  return { live: reader.finish(), damaged: reader.damaged };
}

class LineReader {
  damaged = 0;
  readonly #jobs = new Map<string, unknown>();
  readonly #allocs = new Map<string, Lines>();

  take(text: string): void {
    const line = this.#fit(LineSchema, parseJson(text));
    if (line === undefined) return;
    const { job, alloc, task, health, gone, value } = line;
    if (job !== undefined) this.#jobs.set(job, value);
    else if (alloc !== undefined) {
      const { tasks = new Map<string, unknown>(), health: verdict } = this.#allocs.get(alloc) ?? {};
      this.#allocs.set(alloc, { alloc: value, jobKey: line.jobKey, index: line.index, tasks, health: verdict });
    } else if (task !== undefined) this.#allocs.get(task[0])?.tasks.set(task[1], value);
    else if (health !== undefined) {
      const found = this.#allocs.get(health);
      if (found !== undefined) found.health = value;
    } else if (gone !== undefined) this.#allocs.delete(gone);
    else this.damaged += 1;
  }

  finish(): Map<string, SavedAlloc> {
    const jobs = new Map<string, Job | undefined>();
    const jobOf = (key: string): Job | undefined => {
      if (!jobs.has(key) && this.#jobs.has(key)) jobs.set(key, this.#fit(JobSchema, this.#jobs.get(key)));
      return jobs.get(key);
    };
    const live = new Map<string, SavedAlloc>();
    for (const [id, lines] of this.#allocs) {
      const [job, alloc] = [jobOf(lines.jobKey), this.#fit(AllocSchema, lines.alloc)];
      if (job !== undefined && alloc !== undefined) live.set(id, this.#saved(lines, { job, alloc }));
    }
    return live;
  }

  #saved(lines: Lines, { job, alloc }: { readonly job: Job; readonly alloc: Alloc }): SavedAlloc {
    const tasks: Record<string, TaskRecord> = {};
    for (const [name, value] of lines.tasks) {
      const record = this.#fit(TaskRecordSchema, value);
      if (record !== undefined) tasks[name] = record;
    }
    const health = lines.health === undefined ? null : (this.#fit(HealthSchema, lines.health) ?? null);
    return { current: { alloc, job, modifyIndex: lines.index }, tasks, health };
  }

  #fit<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T | undefined {
    const parsed = v.safeParse(schema, value, { abortEarly: true });
    if (parsed.success) return parsed.output;
    this.damaged += 1;
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The same as lines, without history. */
export function snapshot(live: ReadonlyMap<string, SavedAlloc>): string {
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
export function jobKey(job: Job): string {
  return `${job.Namespace}/${job.ID}@${job.Version}/${job.SubmitTime}`;
}
