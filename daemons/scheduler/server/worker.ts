import type { Clock, Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { Random } from "#base/env/random.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import type { SchedulerConfiguration } from "#base/protocol/scheduler-configuration.ts";
import type { Row } from "#base/state/table.ts";
import { put } from "#base/state/codec.ts";
import { StoreError } from "#base/state/store.ts";
import { evals } from "#base/state/tables.ts";
import type { BlockedEvals } from "./blocked.ts";
import { comesFirst, DELIVERY_LIMIT, type Broker, type Delivery, type QueuedEval } from "./broker.ts";
import type { ClusterState } from "./cluster-state.ts";
import { newEvaluation } from "./evaluation.ts";
import type { NodeTable } from "./place/node-table.ts";
import type { Applied, PlanApplier } from "./plan-apply.ts";
import type { ScheduleRequest } from "./schedule/request.ts";
import { schedule, scheduleInSlices } from "./schedule/schedule.ts";
import { isLarge } from "./schedule/try-out.ts";
import { Turnstile } from "./turnstile.ts";
import type { BatchWriter } from "./writer.ts";

/** Plans on their way to the disk at one time; evaluations wait above that. */
export const MAX_PLANS_IN_FLIGHT = 64;
/** Of these, plans of large jobs; the next is worked out while one is being written. */
export const MAX_LARGE_PLANS = 2;
/** How often a plan is made again when placements were refused, before the evaluation goes back to the queue. */
const PLAN_ATTEMPTS = 5;
/** A turn of scheduling ends after this long, so that requests are served in between. */
const SLICE_MS = 8;
/** A store that refuses is asked again after this. */
const RETRY_MS = 1000;
/** An evaluation that failed is followed by another after 1 to 6 minutes. */
const FAILED_FOLLOW_UP_MIN_MS = 60_000;
const FAILED_FOLLOW_UP_SPREAD_MS = 300_000;

export interface WorkerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly state: ClusterState;
  readonly table: NodeTable;
  readonly broker: Broker;
  readonly blocked: BlockedEvals;
  readonly applier: PlanApplier;
  readonly writer: BatchWriter;
  readonly configuration: () => SchedulerConfiguration;
}

/** Takes evaluations from the broker as they come, turns each into a plan and hands that to the applier. */
export class Worker {
  readonly #deps: WorkerDeps;
  readonly #large = new Turnstile<QueuedEval>(MAX_LARGE_PLANS, comesFirst);
  #plansInFlight = 0;
  #pumping = false;
  #running = false;
  #timer: Timer | undefined;
  /** Ends of evaluations that are not written yet. */
  readonly #unsettled: Evaluation[] = [];

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#running = true;
    this.wake();
  }

  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
  }

  /** There may be something to do. */
  wake(): void {
    if (this.#pumping || !this.#running) return;
    this.#pumping = true;
    this.#deps.clock.soon(() => this.#pump());
  }

  /** Lets in an evaluation the view shows to be open. */
  accept(row: Row<Evaluation>): void {
    const { broker, blocked } = this.#deps;
    const { value } = row;
    if (broker.has(value.ID)) return;
    if (value.Status === "blocked" && blocked.block(blockedOf(value, value.SnapshotIndex))) return;
    this.retry(row);
  }

  /** Tries an evaluation (again), whatever it was waiting for. */
  retry({ value, createIndex }: Row<Evaluation>): void {
    const { broker, clock, log } = this.#deps;
    if (!broker.enqueue(queuedOf(value, createIndex), clock.nowMs())) {
      log.error("the evaluation queue is full; an evaluation waits in the store", { eval: value.ID });
    }
    this.wake();
  }

  #pump(): void {
    this.#pumping = false;
    if (!this.#running) return;
    const { broker, clock } = this.#deps;
    const began = clock.monotonicMs();
    broker.tick(clock.nowMs());
    while (this.#plansInFlight < MAX_PLANS_IN_FLIGHT && !this.#deps.configuration().PauseEvalBroker) {
      const delivery = broker.dequeue(clock.nowMs());
      if (delivery === undefined) break;
      void this.#process(delivery);
      if (clock.monotonicMs() - began > SLICE_MS) {
        this.wake();
        break;
      }
    }
    void this.#settle();
    this.#arm();
  }

  #arm(): void {
    this.#timer?.cancel();
    const { broker, clock } = this.#deps;
    const next = broker.nextMs();
    this.#timer = next === undefined ? undefined : clock.after(Math.max(1, next - clock.nowMs()), () => this.wake());
  }

  async #process({ evaluation, token }: Delivery): Promise<void> {
    const { broker, log, state } = this.#deps;
    this.#plansInFlight += 1;
    try {
      const seen = await this.#inTurn(evaluation, token);
      if (seen === undefined) this.#nackLater(evaluation.id, token, { blameless: false });
      else if (broker.ack(evaluation.id, token)) {
        const row = state.evaluation(evaluation.namespace, evaluation.id);
        if (row?.value.Status === "blocked") this.#blockAgain(row, seen);
      }
    } catch (thrown) {
      if (thrown instanceof StoreError && thrown.code === "closed") return;
      log.error("an evaluation could not be processed", { eval: evaluation.id, reason: messageOf(thrown) });
      // A disk that is full says nothing about the evaluation.
      const blameless = thrown instanceof StoreError;
      this.#nackLater(evaluation.id, token, { blameless });
    } finally {
      this.#plansInFlight -= 1;
      this.wake();
    }
  }

  /** What stands in its way may have passed by then; tried at once, it would soon have been tried too often. */
  #nackLater(id: string, token: number, options: { readonly blameless: boolean }): void {
    const { broker, clock } = this.#deps;
    clock.after(RETRY_MS, () => {
      broker.nack(id, token, options);
      this.wake();
    });
  }

  #blockAgain(row: Row<Evaluation>, seen: number): void {
    const { blocked, broker, clock } = this.#deps;
    if (blocked.block(blockedOf(row.value, seen))) return;
    broker.enqueue(queuedOf(row.value, row.createIndex), clock.nowMs());
  }

  /** Plans of large jobs are made and written few at a time: each may hold a hundred thousand allocations. */
  #inTurn(evaluation: QueuedEval, token: number): Promise<number | undefined> {
    const { state, broker, clock } = this.#deps;
    const row = state.evaluation(evaluation.namespace, evaluation.id);
    if (row === undefined || !isLarge(state, { evaluation: row.value })) return this.#evaluate(evaluation);
    // Those that wait for their turn hold up nobody else.
    broker.suspend(evaluation.id, token);
    this.#plansInFlight -= 1;
    return this.#large.pass(evaluation, () => {
      this.#plansInFlight += 1;
      broker.resume(evaluation.id, token, clock.nowMs());
      return this.#running ? this.#evaluate(evaluation) : Promise.resolve(undefined);
    });
  }

  /** The revision of the state it was last decided from; undefined when its plan was refused too often. */
  async #evaluate(queued: QueuedEval): Promise<number | undefined> {
    const { state, clock, writer } = this.#deps;
    for (let attempt = 0; attempt < PLAN_ATTEMPTS; attempt++) {
      const row = state.evaluation(queued.namespace, queued.id);
      const seen = state.index;
      if (row === undefined || (row.value.Status !== "pending" && row.value.Status !== "blocked")) return seen;
      const nowNs = Math.round(clock.nowMs() * 1e6);
      const applied = await this.#apply({ evaluation: row.value, evalModifyIndex: row.modifyIndex, nowNs });
      await state.view.reached(applied.kind === "stale" ? writer.revision : applied.revision);
      if (applied.kind === "committed") return seen;
    }
    return undefined;
  }

  /** A large job is worked out over several turns, so that others are served meanwhile. */
  async #apply(request: ScheduleRequest): Promise<Applied> {
    const { state, table, random, applier, clock } = this.#deps;
    const deps = { state, table, random, clock };
    if (!isLarge(state, request)) return applier.apply(schedule(deps, request));
    const { plan, release } = await scheduleInSlices(deps, request, clock);
    try {
      const applied = await applier.apply(plan);
      if (applied.kind === "stale") await release();
      return applied;
    } catch (thrown) {
      await release();
      throw thrown;
    }
  }

  /** Writes down what became of evaluations that will not be processed; again later where that is refused. */
  async #settle(): Promise<void> {
    const { broker, writer, clock, log } = this.#deps;
    this.#unsettled.push(...this.#endsOf(broker.takeCancelled(), broker.takeFailed()));
    if (this.#unsettled.length === 0) return;
    const settled = this.#unsettled.splice(0);
    try {
      await writer.write(settled.map((each) => put(evals, { namespace: each.Namespace, id: each.ID }, each)));
    } catch (thrown) {
      if (thrown instanceof StoreError && thrown.code === "closed") return;
      log.error("the end of evaluations could not be written", { reason: messageOf(thrown) });
      this.#unsettled.push(...settled);
      clock.after(RETRY_MS, () => this.wake());
    }
  }

  #endsOf(cancelled: readonly QueuedEval[], failed: readonly QueuedEval[]): Evaluation[] {
    const { state, clock } = this.#deps;
    const nowNs = Math.round(clock.nowMs() * 1e6);
    const ends: Evaluation[] = [];
    for (const { namespace, id } of cancelled) {
      const value = state.evaluation(namespace, id)?.value;
      if (value?.Status !== "pending" && value?.Status !== "blocked") continue;
      const StatusDescription = "canceled after more recent eval was processed";
      ends.push({ ...value, Status: "canceled", StatusDescription, ModifyTime: nowNs });
    }
    for (const { namespace, id } of failed) ends.push(...this.#failedPair(state.evaluation(namespace, id), nowNs));
    return ends;
  }

  #failedPair(row: Row<Evaluation> | undefined, nowNs: number): Evaluation[] {
    if (row === undefined) return [];
    const { random, log } = this.#deps;
    const { value } = row;
    const pauseMs = FAILED_FOLLOW_UP_MIN_MS + random.float() * FAILED_FOLLOW_UP_SPREAD_MS;
    const next = newEvaluation({
      id: random.uuid(),
      namespace: value.Namespace,
      jobId: value.JobID,
      type: value.Type,
      priority: value.Priority,
      trigger: "failed-follow-up",
      nowNs,
      fields: { PreviousEval: value.ID, WaitUntil: nowNs + Math.round(pauseMs * 1e6) },
    });
    const StatusDescription = `maximum attempts reached (${DELIVERY_LIMIT})`;
    log.error("an evaluation failed", { eval: value.ID, job: value.JobID, next: next.ID });
    return [{ ...value, Status: "failed", StatusDescription, NextEval: next.ID, ModifyTime: nowNs }, next];
  }
}

function queuedOf(value: Evaluation, createIndex: number): QueuedEval {
  return {
    id: value.ID,
    namespace: value.Namespace,
    jobId: value.JobID,
    type: value.Type,
    priority: value.Priority,
    createIndex,
    waitUntilMs: value.WaitUntil / 1e6,
  };
}

function blockedOf(value: Evaluation, snapshotIndex: number) {
  return {
    id: value.ID,
    namespace: value.Namespace,
    jobId: value.JobID,
    snapshotIndex,
    classEligibility: value.ClassEligibility,
  };
}
