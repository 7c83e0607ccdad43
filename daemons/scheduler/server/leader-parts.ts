import { messageOf } from "#base/env/errors.ts";
import type { SchedulerConfiguration } from "#base/protocol/scheduler-configuration.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import { fencedStore } from "#base/state/leadership/fenced-store.ts";
import { revealOp } from "#base/state/staging.ts";
import type { Compare } from "#base/state/store.ts";
import type { ViewChange } from "#base/state/table.ts";
import { evals, schedulerConfigurations } from "#base/state/tables.ts";
import { BlockedEvals } from "./blocked.ts";
import { Broker } from "./broker.ts";
import { Collector } from "./collector.ts";
import { DeploymentEndpoint } from "./deploy/deployment-endpoint.ts";
import { DeploymentWatcher } from "./deploy/watcher.ts";
import { Drainer } from "./drainer.ts";
import { Heartbeats } from "./heartbeat.ts";
import { heartbeatTimer } from "./heartbeat-timer.ts";
import { JobEndpoint } from "./job-endpoint.ts";
import { NodeEndpoint } from "./node-endpoint.ts";
import { PeriodicLauncher } from "./periodic-launcher.ts";
import { PlanApplier } from "./plan-apply.ts";
import type { NodeTable } from "./place/node-table.ts";
import type { ServerContext } from "./server-context.ts";
import type { ServerSettings } from "./settings.ts";
import type { TableSync } from "./table-sync.ts";
import { LockKeeper } from "./variables/lock-keeper.ts";
import { Worker } from "./worker.ts";
import { BatchWriter } from "./writer.ts";

/** Rows that are cleared away in one transaction. */
const CLEAR_CHUNK = 1000;

export interface LeaderDeps {
  /** Of every server. */
  readonly context: ServerContext;
  readonly settings: ServerSettings;
  readonly table: NodeTable;
  readonly sync: TableSync;
  readonly fence: () => readonly Compare[];
  readonly configuration: () => SchedulerConfiguration;
}

/**
 * What only the leader does, made anew from the state each time a server begins to lead and dropped when it ends. All that
 * it writes is fenced, so what was on its way at that moment is refused.
 */
export class LeaderParts {
  readonly broker = new Broker();
  readonly blocked = new BlockedEvals();
  readonly heartbeats: Heartbeats;
  readonly periodic: PeriodicLauncher;
  readonly collector: Collector;
  readonly locks: LockKeeper;
  readonly worker: Worker;
  readonly beats: ReturnType<typeof heartbeatTimer>;
  readonly #context: ServerContext;
  readonly #drainer: Drainer;
  readonly #deploymentWatcher: DeploymentWatcher;

  constructor(deps: LeaderDeps) {
    const { settings, table, sync, configuration } = deps;
    const { env, state } = deps.context;
    const { clock, random } = env;
    const log = env.log.child("scheduler");
    const store = fencedStore(deps.context.store, deps.fence);
    const context: ServerContext = { ...deps.context, store, writer: new BatchWriter(store, clock) };
    this.#context = context;
    this.heartbeats = new Heartbeats(settings.heartbeat);
    const jobs = new JobEndpoint(context, settings);
    const nodes = new NodeEndpoint(context);
    const restore = (touched: readonly Alloc[]): void => sync.restore(touched);
    const applier = new PlanApplier({ store, table, clock, log, restore });
    const { broker, blocked } = this;
    const { writer } = context;
    this.worker = new Worker({ clock, random, log, state, table, broker, blocked, applier, writer, configuration });
    this.collector = new Collector(context, settings);
    this.locks = new LockKeeper(context);
    this.#drainer = new Drainer(context, nodes);
    this.periodic = new PeriodicLauncher(context, jobs);
    this.beats = heartbeatTimer(context, { heartbeats: this.heartbeats, nodes });
    this.#deploymentWatcher = new DeploymentWatcher(context, new DeploymentEndpoint(context, jobs));
  }

  start(): void {
    void this.#clearStaged();
    for (const status of ["blocked", "pending"]) {
      for (const row of this.#context.state.view.table(evals).by("status", status)) this.worker.accept(row);
    }
    for (const part of this.#lives()) part.start();
  }

  stop(): void {
    for (const part of this.#lives()) part.stop();
  }

  apply(change: ViewChange, freed: ReadonlySet<string>): void {
    this.#feedEvals(change);
    this.wakeBlocked(freed, change.revision);
    this.#deploymentWatcher.apply(change);
    this.#drainer.apply(change);
    this.periodic.apply(change);
    this.locks.apply(change);
  }

  wakeBlocked(freed: ReadonlySet<string>, revision: number): void {
    for (const computedClass of freed) {
      for (const { namespace, id } of this.blocked.unblock(computedClass, revision)) {
        const row = this.#context.state.evaluation(namespace, id);
        if (row !== undefined) this.worker.retry(row);
      }
    }
  }

  /** Open evaluations go to the worker as soon as the view shows them. */
  #feedEvals({ rows }: ViewChange): void {
    for (const { table, namespace, id } of rows) {
      // Operators may have let a paused queue go on.
      if (table === schedulerConfigurations.name) this.worker.wake();
      if (table !== evals.name) continue;
      const row = this.#context.state.evaluation(namespace, id);
      if (row?.value.Status === "pending" || row?.value.Status === "blocked") this.worker.accept(row);
      else this.blocked.untrack(id);
    }
  }

  /** What has a life of its own. */
  #lives() {
    const { beats, worker, periodic, collector, locks } = this;
    return [beats, worker, this.#deploymentWatcher, this.#drainer, periodic, collector, locks];
  }

  /** Plans that were cut off in the middle by a crash are made again: what of them was staged is nobody's. */
  async #clearStaged(): Promise<void> {
    const { env, store, state } = this.#context;
    try {
      for (const [name, keys] of state.view.staged()) {
        for (let at = 0; at < keys.length; at += CLEAR_CHUNK) {
          const chunk = keys.slice(at, at + CLEAR_CHUNK);
          await store.txn({ then: chunk.map((key) => ({ op: "delete", key })) });
        }
        await store.txn({ then: [revealOp(name)] });
      }
    } catch (thrown) {
      env.log.warn("what a plan left unfinished stays until the next start", { reason: messageOf(thrown) });
    }
  }
}
