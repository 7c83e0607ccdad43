import type { Timer } from "#base/env/clock.ts";
import { fail, messageOf, type Result } from "#base/env/errors.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Row, ViewChange } from "#base/state/table.ts";
import { jobs } from "#base/state/tables.ts";
import type { JobAnswer, JobEndpoint } from "./job-endpoint.ts";
import { childJob, dueMs, hasRunningChild, nextLaunchMs } from "./periodic.ts";
import type { ServerContext } from "./server-context.ts";

interface Launch {
  readonly namespace: string;
  readonly id: string;
  readonly atMs: number;
}

/** A clock that was set wrong is looked at again after this. */
const MAX_SLEEP_MS = 3600_000;

/** Launches periodic jobs when their time comes; one timer for all. */
export class PeriodicLauncher {
  readonly #context: ServerContext;
  readonly #jobs: JobEndpoint;
  readonly #launches = new Map<string, Launch>();
  #timer: Timer | undefined;
  #running = false;

  constructor(context: ServerContext, endpoint: JobEndpoint) {
    this.#context = context;
    this.#jobs = endpoint;
  }

  start(): void {
    this.#running = true;
    for (const row of this.#context.state.view.table(jobs).list()) {
      if (row.value.Periodic !== null) this.#plan(row, dueMs(this.#context.state, row, this.#nowMs));
    }
    this.#arm();
  }

  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
  }

  apply({ rows }: ViewChange): void {
    let changed = false;
    for (const { table, namespace, id } of rows) {
      if (table !== jobs.name) continue;
      const row = this.#context.state.job(namespace, id);
      const key = `${namespace}/${id}`;
      if (row === undefined || row.value.Periodic === null) changed = this.#launches.delete(key) || changed;
      else {
        this.#plan(row, nextLaunchMs(row.value, this.#nowMs));
        changed = true;
      }
    }
    if (changed) this.#arm();
  }

  /** Launches a periodic job now, whatever its schedule says. */
  force(namespace: string, id: string): Promise<Result<JobAnswer>> {
    const row = this.#context.state.job(namespace, id);
    if (row === undefined) return Promise.resolve(fail("not_found", "job not found"));
    if (row.value.Periodic === null) {
      return Promise.resolve(fail("not_periodic", `can't force launch non-periodic job "${id}"`));
    }
    return this.#launch(row, this.#nowMs);
  }

  get #nowMs(): number {
    return this.#context.env.clock.nowMs();
  }

  #plan({ namespace, id }: Row<Job>, atMs: number | undefined): void {
    const key = `${namespace}/${id}`;
    if (atMs === undefined) this.#launches.delete(key);
    else this.#launches.set(key, { namespace, id, atMs });
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#running || this.#launches.size === 0) return;
    let next = Number.POSITIVE_INFINITY;
    for (const { atMs } of this.#launches.values()) if (atMs < next) next = atMs;
    const sleepMs = Math.min(MAX_SLEEP_MS, Math.max(0, next - this.#nowMs));
    this.#timer = this.#context.env.clock.after(sleepMs, () => this.#fire());
  }

  #fire(): void {
    const { state, env } = this.#context;
    const nowMs = this.#nowMs;
    for (const { namespace, id, atMs } of this.#launches.values()) {
      const row = state.job(namespace, id);
      if (atMs > nowMs || row === undefined) continue;
      this.#plan(row, nextLaunchMs(row.value, nowMs));
      if (row.value.Periodic?.ProhibitOverlap === true && hasRunningChild(state, row)) {
        env.log.info("a periodic job's last launch is still under way: this one is left out", { job: id });
        continue;
      }
      this.#launch(row, atMs).catch((thrown: unknown) =>
        env.log.error("a periodic job could not be launched", { job: id, reason: messageOf(thrown) }),
      );
    }
    this.#arm();
  }

  #launch({ value }: Row<Job>, atMs: number): Promise<Result<JobAnswer>> {
    return this.#jobs.register(childJob(value, atMs), { trigger: "periodic-job" });
  }
}
