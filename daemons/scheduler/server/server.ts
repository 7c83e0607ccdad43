import type { Env } from "#base/env/env.ts";
import type { SchedulerConfiguration } from "#base/protocol/scheduler-configuration.ts";
import type { Compare, Store } from "#base/state/store.ts";
import type { View, ViewChange } from "#base/state/table.ts";
import type { ServerLink } from "../link.ts";
import { Acl } from "./acl/acl.ts";
import type { AclSettings } from "./acl/acl-context.ts";
import type { Collector } from "./collector.ts";
import { configurationOf } from "./configuration.ts";
import { ClusterState } from "./cluster-state.ts";
import { DeploymentEndpoint } from "./deploy/deployment-endpoint.ts";
import { EventBuffer } from "./events/event-buffer.ts";
import { JobEndpoint } from "./job-endpoint.ts";
import { Keyring } from "./keyring/keyring.ts";
import { createLocalLink, type ReadDisk } from "./link-local.ts";
import type { LeaderParts } from "./leader-parts.ts";
import { Leading } from "./leading.ts";
import { NodeEndpoint } from "./node-endpoint.ts";
import { NodeWatch } from "./node-watch.ts";
import type { PeriodicLauncher } from "./periodic-launcher.ts";
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
import { VariableEndpoint } from "./variables/variable-endpoint.ts";
import { HostVolumeEndpoint } from "./volumes/host-volume-endpoint.ts";
import { BatchWriter } from "./writer.ts";

export interface SchedulerServerDeps {
  readonly env: Env;
  readonly store: Store;
  /** Follows at least {@link schedulerTables}. */
  readonly view: View;
  /** Where several servers share the store: who leads them. Default: this one does, from its start. */
  readonly leadership?: SchedulerLeadership;
  /** Started already. Default: one that was not, which refuses to encrypt. */
  readonly keyring?: Keyring;
  /** Default: access is not controlled. */
  readonly acl?: AclSettings;
  readonly settings?: ServerSettings;
  /** Default: allocations that move to another node begin with empty disks. */
  readonly readDisk?: ReadDisk;
}

export interface SchedulerLeadership {
  /** Compares that hold while this server leads. */
  readonly fence: () => readonly Compare[];
  /** Tells the leader, while that is another, that a node is alive; resolves with the TTL in milliseconds. */
  readonly renewNode: (nodeId: string) => Promise<number>;
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
  readonly volumes: HostVolumeEndpoint;
  readonly acl: Acl;
  readonly services: ServiceCatalog;
  readonly link: ServerLink;
  /** Idle while another server leads. */
  readonly periodic: PeriodicLauncher;
  readonly collector: Collector;
  readonly events: EventBuffer;
  stats(): SchedulerStats;
  /** The plan of a job as it would be; nobody applies it. */
  tryOut(request: ScheduleRequest): Promise<Plan>;
  /** How operators set the scheduler up. */
  configuration(): SchedulerConfiguration;
  /** Follows the changes of the state; alone, it leads at once. */
  start(): void;
  /** A node is alive: counted here by the leader, told to it by others. Gives the TTL in milliseconds. */
  renewNode(nodeId: string): number | Promise<number>;
  /** Others have lost a node: the leader does not wait for it as long as it would after it took over. */
  doubtNode(nodeId: string): void;
  /** Begins what only the leader does, from what is open in the state. Idempotent. */
  startLeading(): void;
  /** Ends that again. Idempotent. */
  stopLeading(): void;
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
  const { context, watch, sync, acl, leading, namespaces } = parts;
  const { view } = context.state;
  const onChange = (change: ViewChange): void => {
    const freed = sync.apply(change);
    watch.apply(change);
    if (leading.isActive) leading.parts.apply(change, freed);
    parts.events.apply(change);
  };
  let unfollow: (() => void) | undefined;
  const renew = (nodeId: string): number | Promise<number> => leading.renewNode(nodeId);
  return {
    context,
    table: parts.table,
    jobs: parts.jobs,
    nodes: parts.nodes,
    deployments: parts.deployments,
    namespaces,
    nodePools: new NodePoolEndpoint(context),
    services: parts.services,
    acl,
    variables: new VariableEndpoint({ context, keeper: { renew: (row) => leading.parts.locks.renew(row) } }),
    volumes: new HostVolumeEndpoint(context),
    configuration: parts.configuration,
    tryOut: (request) => tryOutWith(parts, request),
    get periodic() {
      return leading.parts.periodic;
    },
    get collector() {
      return leading.parts.collector;
    },
    events: parts.events,
    link: createLocalLink({
      ...parts,
      renew,
      identities: acl.identities,
      nodeIdentities: acl.nodeIdentities,
      readDisk: deps.readDisk,
    }),
    stats: () => statsOf(leading.parts),
    start() {
      sync.load();
      unfollow = view.onChange(onChange);
      if (deps.leadership === undefined) leading.start();
    },
    renewNode: renew,
    doubtNode: (nodeId) => leading.doubtNode(nodeId),
    startLeading: () => leading.start(),
    stopLeading: () => leading.stop(),
    stop() {
      unfollow?.();
      leading.close();
      watch.close();
      parts.services.stop();
    },
  };
}

function statsOf({ broker, blocked, heartbeats }: LeaderParts): SchedulerStats {
  return {
    evalsQueued: broker.size,
    evalsReady: broker.ready,
    evalsInFlight: broker.inFlight,
    evalsBlocked: blocked.size,
    nodesHeartbeating: heartbeats.size,
  };
}

/** Makes what every server has, and the way to make what a leader has besides. */
function assemble({ env, store, view, leadership, ...deps }: SchedulerServerDeps) {
  const settings = deps.settings ?? DEFAULT_SETTINGS;
  const state = new ClusterState(view);
  const writer = new BatchWriter(store, env.clock);
  const keyring = deps.keyring ?? new Keyring({ env, store, view, folder: "" });
  const context: ServerContext = { env, store, state, writer, keyring };
  const table = new NodeTable();
  const sync = new TableSync(state, table);
  const jobs = new JobEndpoint(context, settings);
  const configuration = (): SchedulerConfiguration => configurationOf(view);
  const acl = new Acl(context, deps.acl);
  const namespaces = new NamespaceEndpoint(context);
  const fence = leadership?.fence ?? (() => []);
  const renewElsewhere = leadership?.renewNode;
  return {
    context,
    table,
    sync,
    jobs,
    nodes: new NodeEndpoint(context),
    deployments: new DeploymentEndpoint(context, jobs),
    configuration,
    acl,
    namespaces,
    events: new EventBuffer(state),
    services: new ServiceCatalog(state),
    watch: new NodeWatch(state, env.clock),
    leading: new Leading({ context, settings, table, sync, fence, configuration, acl, namespaces, renewElsewhere }),
  };
}

function tryOutWith({ context, table, leading }: ReturnType<typeof assemble>, request: ScheduleRequest) {
  const { state, env } = context;
  const freed = (): void => leading.parts.wakeBlocked(new Set(table.classes()), state.index);
  return tryOut({ state, table, random: env.random }, request, { clock: env.clock, freed });
}
