import type { Cluster } from "#daemons/cluster/create-cluster.ts";
import type { ShapeKeeper } from "#base/state/shapes/shape-keeper.ts";
import type { Snapshots } from "#base/state/snapshot/snapshots.ts";
import type { AgentOptions } from "./agent-options.ts";
import type { Discovery } from "#daemons/discovery/create-discovery.ts";
import type { SchedulerClient } from "#daemons/scheduler/client/client.ts";
import type { NodeIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import type { SchedulerServer } from "#daemons/scheduler/server/server.ts";
import type { Addresses } from "./addresses.ts";
import type { Route } from "#base/http/route.ts";
import type { GaugeSource } from "#daemons/scheduler/gauge.ts";
import type { Serf } from "#daemons/discovery/serf/shell/serf.ts";
import type { ClusterServers } from "./cluster/servers.ts";
import type { CertificateKeeper } from "./internal/certificate-keeper.ts";
import type { RolloutKeeper } from "#daemons/rollout/rollout-keeper.ts";
import type { FirmwareNode } from "./firmware/firmware-node.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { DataFolder } from "./data-folder.ts";
import type { State } from "./open-state.ts";
import type { AgentStateKeeper } from "./state-keeper.ts";
import type { TaskApi } from "./task-api.ts";
import type { AgentTemplates } from "./template-access.ts";

export interface Agent {
  readonly addresses: Addresses;
  /** Opens the files it writes to anew, after somebody moved them away. */
  reopenFiles(): void;
  /** Reads again what files define besides the configuration: services and checks. Rejects with their mistakes. */
  reload(): Promise<void>;
  /** Tells the other members that this node goes; `stop` is still to be called. */
  leave(): Promise<void>;
  /** Stops everything in reverse order. Idempotent. */
  stop(): Promise<void>;
}

/** This server's part in the backups of the cluster. */
export interface Backups {
  readonly routes: readonly Route[];
  readonly gauges: GaugeSource;
  startLeading(): void;
  stopLeading(): Promise<void>;
}

/** This agent's part in gossip, as the routes need it. */
export interface AgentGossip {
  readonly serf: Serf;
  readonly leave: () => Promise<void>;
  /** Binds, joins whom the configuration names, and opens the RPC port. */
  start(lifecycle: Lifecycle): Promise<void>;
}

/** All a start has made so far. */
export interface Composition extends AgentOptions {
  readonly addresses: Addresses;
  readonly folder: DataFolder;
  readonly identity: NodeIdentity;
  readonly nodeName: string;
  readonly state: State;
  readonly stateKeeper: AgentStateKeeper;
  readonly shapes: ShapeKeeper;
  readonly snapshots: Snapshots;
  /** Undefined: none are configured. */
  readonly backups: Backups | undefined;
  /** Updates of all nodes' firmware. */
  readonly rollout: RolloutKeeper;
  /** Undefined: this machine runs another. */
  readonly firmware: FirmwareNode | undefined;
  /** Undefined: this server has the state to itself. */
  readonly cluster: ClusterServers | undefined;
  /** Who belongs to the cluster. */
  readonly membership: Cluster;
  /** What this node proves itself with, and what runs its tasks, once they are there. */
  readonly own: { keeper?: CertificateKeeper; client?: SchedulerClient | undefined };
  readonly discovery: Discovery;
  /** Undefined on a node that is alone. */
  readonly gossip: AgentGossip | undefined;
  readonly server: SchedulerServer;
  readonly taskApi: TaskApi;
  readonly templates: AgentTemplates;
  /** Undefined on a node that runs no tasks. */
  readonly client: SchedulerClient | undefined;
}
