import { nowNs, sleep } from "#base/env/clock.ts";
import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { Driver, StartFailure, TaskHandle, TaskStart } from "#drivers/driver.ts";
import { stepTask } from "./task-machine.ts";
import type { TaskContext, TaskEffect, TaskInput } from "./task-machine.ts";
import * as events from "./task-event.ts";
import type { Happening } from "./task-event.ts";
import type { TaskRecord } from "./task-record.ts";

/** What a task's surroundings do for it; handed in by its allocation. */
export interface TaskSurroundings {
  readonly env: Env;
  readonly driver: Driver;
  context(): Omit<TaskContext, "nowNs" | "random">;
  newAttempt(): string;
  /** Folders, environment, configuration: everything a driver needs. `signal` and `onEvent` are the runner's. */
  prepare(
    attempt: string,
    watch: Pick<StartWatch, "signal">,
  ): Promise<Result<Omit<TaskStart, "signal" | "onEvent">, StartFailure>>;
  killSignal(): string;
  /** Before a running task is told to stop: takes it out of the catalog. Resolves when the shutdown delay is over. */
  beforeStop(): Promise<void>;
  /** What may lie behind an end that was no success; noted before the end itself. */
  explain(): Promise<readonly Happening[]>;
  /** After every change, with the record before it. */
  changed(record: TaskRecord, before: TaskRecord): void;
  /** The agent goes away and leaves the task running. */
  leave?(): void;
}

/** Carries out what {@link stepTask} decides. */
export class TaskRunner {
  readonly #around: TaskSurroundings;
  readonly #watching = new AbortController();
  #cleaning: Promise<void> = Promise.resolve();
  #record: TaskRecord;
  #left = false;
  #pause: Timer | undefined;
  #starting: AbortController | undefined;

  constructor(around: TaskSurroundings, initial: TaskRecord) {
    this.#around = around;
    this.#record = initial;
  }

  record(): TaskRecord {
    return this.#record;
  }

  send(input: TaskInput): void {
    if (this.#left) return;
    const { env } = this.#around;
    const before = this.#record;
    const step = stepTask(before, input, { ...this.#around.context(), nowNs: nowNs(env.clock), random: env.random });
    this.#record = step.record;
    for (const effect of step.effects) this.#carryOut(effect);
    if (this.#record !== before) this.#around.changed(this.#record, before);
  }

  /** Takes up a task that an agent before this one left. */
  async resume(): Promise<void> {
    const { phase } = this.#record;
    if (phase.kind === "starting") {
      // No handle was kept, so the driver's sweep has ended whatever that attempt started.
      if (phase.stopWanted) this.send({ kind: "start-failed", error: NEVER_STARTED });
      else void this.#start(phase.attempt);
    } else if (phase.kind === "pausing") {
      this.send({ kind: "pause-over", attempt: this.#around.newAttempt() });
    } else if (phase.kind === "running" || phase.kind === "stopping") {
      await this.#reattach(phase.handle, phase.kind === "stopping");
    }
  }

  /** Resolves when the driver has removed what ended attempts left. */
  cleaned(): Promise<void> {
    return this.#cleaning;
  }

  /** Lets go without touching the task: it runs on. */
  leave(): void {
    this.#left = true;
    this.#around.leave?.();
    this.#pause?.cancel();
    this.#starting?.abort();
    this.#watching.abort();
  }

  async signal(signalName: string, reason: string): Promise<Result<void>> {
    const { phase } = this.#record;
    if (phase.kind !== "running") {
      return { ok: false, error: { code: "NOT_RUNNING", message: `Task not running (it is ${phase.kind})` } };
    }
    this.send({ kind: "note", happening: events.signaling(signalName, reason) });
    return this.#around.driver.signal(phase.handle, signalName);
  }

  #carryOut(effect: TaskEffect): void {
    const { env } = this.#around;
    switch (effect.kind) {
      case "start":
        void this.#start(effect.attempt);
        return;
      case "cancel-start":
        this.#starting?.abort();
        return;
      case "watch":
        void this.#watch(effect.handle);
        return;
      case "stop":
        void this.#stop(effect.handle);
        return;
      case "clean":
        this.#cleaning = Promise.all([this.#cleaning, this.#clean(effect.handle)]).then(() => undefined);
        return;
      case "pause":
        this.#pause = env.clock.after(effect.delayMs, () =>
          this.send({ kind: "pause-over", attempt: this.#around.newAttempt() }),
        );
        return;
      case "cancel-pause":
        this.#pause?.cancel();
        return;
      default:
        return effect satisfies never;
    }
  }

  #warn(what: string, thrown: unknown): void {
    this.#around.env.log.warn(what, { error: messageOf(thrown) });
  }

  async #start(attempt: string): Promise<void> {
    const abort = new AbortController();
    this.#starting = abort;
    const note = (happening: Happening): void => this.send({ kind: "note", happening });
    const result = await startOnce(this.#around, attempt, { signal: abort.signal, note });
    this.#starting = undefined;
    this.send(result.ok ? { kind: "started", handle: result.value } : { kind: "start-failed", error: result.error });
  }

  async #watch(handle: TaskHandle): Promise<void> {
    try {
      const exit = await this.#around.driver.wait(handle, this.#watching.signal);
      if (exit.kind === "aborted") return;
      const failed = this.#record.phase.kind === "running" && exit.kind === "exited" && exit.code !== 0;
      if (failed) for (const happening of await this.#around.explain()) this.send({ kind: "note", happening });
      this.send({ kind: "exited", exit });
    } catch (thrown) {
      const message = `cannot wait for the task: ${messageOf(thrown)}`;
      this.send({ kind: "exited", exit: { kind: "lost", message } });
    }
  }

  async #stop(handle: TaskHandle): Promise<void> {
    const { env, driver } = this.#around;
    await this.#around.beforeStop();
    for (let attempt = 0; !this.#left; attempt++) {
      try {
        const { killTimeoutMs } = this.#around.context();
        await driver.stop(handle, { killSignal: this.#around.killSignal(), killTimeoutMs });
        return;
      } catch (thrown) {
        this.#warn("cannot stop a task; trying again", thrown);
        const pauseMs = Math.min(STOP_RETRY_MS * 2 ** attempt, STOP_RETRY_LONGEST_MS);
        await sleep(env.clock, pauseMs, this.#watching.signal);
      }
    }
  }

  async #clean(handle: TaskHandle): Promise<void> {
    try {
      await this.#around.driver.destroy(handle);
    } catch (thrown) {
      this.#warn("cannot clean up after a task", thrown);
    }
  }

  async #reattach(handle: TaskHandle, stopping: boolean): Promise<void> {
    const { driver } = this.#around;
    const found = await driver.recover(handle).catch((thrown: unknown) => fail("RECOVER", messageOf(thrown)));
    if (!found.ok) {
      const message = `Task not running after the agent's restart: ${found.error.message}`;
      this.send({ kind: "exited", exit: { kind: "lost", message } });
      return;
    }
    this.#around.changed(this.#record, this.#record);
    void this.#watch(handle);
    if (stopping) void this.#stop(handle);
  }
}

const STOP_RETRY_MS = 500;
const STOP_RETRY_LONGEST_MS = 15_000;
const NEVER_STARTED: StartFailure = { code: "ABORTED", message: "stopped before it started", recoverable: true };

export interface StartWatch {
  readonly signal: AbortSignal;
  readonly note: (happening: Happening) => void;
}

async function startOnce(
  around: TaskSurroundings,
  attempt: string,
  watch: StartWatch,
): Promise<Result<TaskHandle, StartFailure>> {
  try {
    const prepared = await around.prepare(attempt, watch);
    if (!prepared.ok) return prepared;
    if (watch.signal.aborted) return { ok: false, error: NEVER_STARTED };
    return await around.driver.start({
      ...prepared.value,
      signal: watch.signal,
      onEvent: (message, details) => watch.note(events.driverMessage(message, details)),
    });
  } catch (thrown) {
    return { ok: false, error: { code: "START", message: messageOf(thrown), recoverable: true } };
  }
}
