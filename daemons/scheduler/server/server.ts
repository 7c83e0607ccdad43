import { messageOf } from "#base/env/errors.ts";
import { revealOp } from "#base/state/staging.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import type { Env } from "#base/env/env.ts";
import type { SchedulerConfiguration } from "#base/protocol/scheduler-configuration.ts";
import type { Compare, Store } from "#base/state/store.ts";
import type { View, ViewChange } from "#base/state/table.ts";
import { evals, schedulerConfigurations } from "#base/state/tables.ts";
import type { ServerLink } from "../link.ts";
import { Acl } from "./acl/acl.ts";
import type { AclSettings } from "./acl/acl-context.ts";
import { BlockedEvals } from "./blocked.ts";
import { Broker } from "./broker.ts";
import { Collector } from "./collector.ts";
import { configurationOf } from "./configuration.ts";
import { ClusterState } from "./cluster-state.ts";
import { DeploymentEndpoint } from "./deploy/deployment-endpoint.ts";
import { DeploymentWatcher } from "./deploy/watcher.ts";
import { Drainer } from "./drainer.ts";
import { EventBuffer } from "./events/event-buffer.ts";
import { Heartbeats } from "./heartbeat.ts";
import { heartbeatTimer } from "./heartbeat-timer.ts";
import { JobEndpoint } from "./job-endpoint.ts";
import { Keyring } from "./keyring/keyring.ts";
import { createLocalLink } from "./link-local.ts";
import { NodeEndpoint } from "./node-endpoint.ts";
import { NodeWatch } from "./node-watch.ts";
import { PeriodicLauncher } from "./periodic-launcher.ts";
import { PlanApplier } from "./plan-apply.ts";
import { NodeTable } from "./place/node-table.ts";
import type { Plan } from "./plan.ts";
import type { ScheduleRequest } from "./schedule/request.ts";
import { tryOut } from "./schedule/try-out.ts";
import type { ServerContext } from "./server-context.ts";
import { NamespaceEndpoint } from "./tenancy/namespace-endpoint.ts";
import { NodePoolEndpoint } from "./tenancy/node-pool-endpoint.ts";
import { ServiceCatalog } from "./service-catalog.ts";
import { DEFAULT_SETTINGS, type ServerSettings } from "./settings.ts";
import { TableSync } from "./table-sync.ts";
import { LockKeeper } from "./variables/lock-keeper.ts";
import { VariableEndpoint } from "./variables/variable-endpoint.ts";
import { Worker } from "./worker.ts";
import { BatchWriter } from "./writer.ts";

/** Rows that are cleared away in one transaction. */
const CLEAR_CHUNK = 1000;

export interface SchedulerServerDeps {
  readonly env: Env;
  readonly store: Store;
  /** Follows at least {@link schedulerTables}. */
  readonly view: View;
  /** Compares that every plan has to pass (the leader's lock). Default: none. */
  readonly fence?: () => readonly Compare[];
  /** Started already. Default: one that was not, which refuses to encrypt. */
  readonly keyring?: Keyring;
  /** Default: access is not controlled. */
  readonly acl?: AclSettings;
  readonly settings?: ServerSettings;
}

/** The servers' side of the scheduler: decides what runs where, and writes it down. */
export interface SchedulerServer {
  readonly context: ServerContext;
  readonly table: NodeTable;
  readonly jobs: JobEndpoint;
  readonly nodes: NodeEndpoint;
  readonly deployments: DeploymentEndpoint;
  readonly namespaces: NamespaceEndpoint;
  readonly nodePools: NodePoolEndpoint;
  readonly variables: VariableEndpoint;
  readonly acl: Acl;
  readonly services: ServiceCatalog;
  readonly link: ServerLink;
  readonly periodic: PeriodicLauncher;
  readonly collector: Collector;
  readonly events: EventBuffer;
  stats(): SchedulerStats;
  /** The plan of a job as it would be; nobody applies it. */
  tryOut(request: ScheduleRequest): Promise<Plan>;
  /** How operators set the scheduler up. */
  configuration(): SchedulerConfiguration;
  /** Picks up what is open in the store and follows its changes from there. */
  start(): void;
  /** Ends all timers and polls; what is on its way to the disk settles by itself. */
  stop(): void;
}

export interface SchedulerStats {
  /** In hand, delayed ones included. */
  readonly evalsQueued: number;
  readonly evalsReady: number;
  readonly evalsInFlight: number;
  readonly evalsBlocked: number;
  readonly nodesHeartbeating: number;
}

export function createSchedulerServer(deps: SchedulerServerDeps): SchedulerServer {
  const parts = assemble(deps);
  const { context, blocked, beats, worker, watch, sync, deploymentWatcher } = parts;
  const { view } = context.state;
  const onChange = (change: ViewChange): void => {
    const freed = sync.apply(change);
    feedEvals(change, { state: context.state, blocked, worker });
    wakeBlocked(freed, change.revision, { state: context.state, blocked, worker });
    watch.apply(change);
    deploymentWatcher.apply(change);
    parts.drainer.apply(change);
    parts.periodic.apply(change);
    parts.events.apply(change);
    parts.locks.apply(change);
  };
  const lives = livesOf(parts);
  const namespaces = new NamespaceEndpoint(context);
  let unfollow: (() => void) | undefined;
  return {
    context,
    table: parts.table,
    jobs: parts.jobs,
    nodes: parts.nodes,
    deployments: parts.deployments,
    namespaces,
    nodePools: new NodePoolEndpoint(context),
    services: parts.services,
    acl: parts.acl,
    variables: new VariableEndpoint({ context, keeper: parts.locks }),
    configuration: parts.configuration,
    tryOut: (request) => tryOutWith(parts, request),
    periodic: parts.periodic,
    collector: parts.collector,
    events: parts.events,
    link: createLocalLink({
      context,
      nodes: parts.nodes,
      watch,
      identities: parts.acl.identities,
      renew: (nodeId) => beats.renew(nodeId),
    }),
    stats: () => statsOf(parts),
    start() {
      void clearStaged(context);
      void namespaces.reopen();
      sync.load();
      unfollow = view.onChange(onChange);
      for (const status of ["blocked", "pending"]) {
        for (const row of view.table(evals).by("status", status)) worker.accept(row);
      }
      for (const part of lives) part.start();
    },
    stop() {
      unfollow?.();
      for (const part of lives) part.stop();
      watch.close();
      parts.services.stop();
    },
  };
}

/** What has a life of its own. */
function livesOf(parts: ReturnType<typeof assemble>) {
  const { beats, worker, deploymentWatcher, drainer, periodic, collector, locks, acl } = parts;
  return [beats, worker, deploymentWatcher, drainer, periodic, collector, locks, acl];
}

/** Plans that were cut off in the middle by a crash are made again: what of them was staged is nobody's. */
async function clearStaged({ env, store, state }: ServerContext): Promise<void> {
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

function statsOf({ broker, blocked, heartbeats }: ReturnType<typeof assemble>): SchedulerStats {
  return {
    evalsQueued: broker.size,
    evalsReady: broker.ready,
    evalsInFlight: broker.inFlight,
    evalsBlocked: blocked.size,
    nodesHeartbeating: heartbeats.size,
  };
}

/** Makes all parts and hands each what it works with. */
function assemble({ env, store, view, fence = () => [], ...deps }: SchedulerServerDeps) {
  const settings = deps.settings ?? DEFAULT_SETTINGS;
  const { clock, random } = env;
  const log = env.log.child("scheduler");
  const state = new ClusterState(view);
  const writer = new BatchWriter(store, clock);
  const keyring = deps.keyring ?? new Keyring({ env, store, view, folder: "" });
  const context: ServerContext = { env, store, state, writer, keyring };
  const table = new NodeTable();
  const sync = new TableSync(state, table);
  const broker = new Broker();
  const blocked = new BlockedEvals();
  const heartbeats = new Heartbeats(settings.heartbeat);
  const jobs = new JobEndpoint(context, settings);
  const nodes = new NodeEndpoint(context);
  const deployments = new DeploymentEndpoint(context, jobs);
  const restore = (touched: readonly Alloc[]): void => sync.restore(touched);
  const applier = new PlanApplier({ store, table, clock, log, fence, restore });
  const configuration = (): SchedulerConfiguration => configurationOf(view);
  return {
    context,
    table,
    sync,
    broker,
    blocked,
    heartbeats,
    jobs,
    nodes,
    deployments,
    configuration,
    acl: new Acl(context, deps.acl),
    collector: new Collector(context, settings),
    events: new EventBuffer(state),
    locks: new LockKeeper(context),
    services: new ServiceCatalog(state),
    drainer: new Drainer(context, nodes),
    periodic: new PeriodicLauncher(context, jobs),
    watch: new NodeWatch(state, clock),
    worker: new Worker({ clock, random, log, state, table, broker, blocked, applier, writer, configuration }),
    beats: heartbeatTimer(context, { heartbeats, nodes }),
    deploymentWatcher: new DeploymentWatcher(context, deployments),
  };
}

function tryOutWith({ context, table, blocked, worker }: ReturnType<typeof assemble>, request: ScheduleRequest) {
  const { state, env } = context;
  const freed = (): void => wakeBlocked(new Set(table.classes()), state.index, { state, blocked, worker });
  return tryOut({ state, table, random: env.random }, request, { clock: env.clock, freed });
}

interface Feed {
  readonly state: ClusterState;
  readonly blocked: BlockedEvals;
  readonly worker: Worker;
}

/** Open evaluations go to the worker as soon as the view shows them. */
function feedEvals({ rows }: ViewChange, { state, blocked, worker }: Feed): void {
  for (const { table, namespace, id } of rows) {
    // Operators may have let a paused queue go on.
    if (table === schedulerConfigurations.name) worker.wake();
    if (table !== evals.name) continue;
    const row = state.evaluation(namespace, id);
    if (row?.value.Status === "pending" || row?.value.Status === "blocked") worker.accept(row);
    else blocked.untrack(id);
  }
}

function wakeBlocked(freed: ReadonlySet<string>, revision: number, { state, blocked, worker }: Feed): void {
  for (const computedClass of freed) {
    for (const { namespace, id } of blocked.unblock(computedClass, revision)) {
      const row = state.evaluation(namespace, id);
      if (row !== undefined) worker.retry(row);
    }
  }
}
