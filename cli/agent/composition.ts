import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import type { Discovery } from "#daemons/discovery/create-discovery.ts";
import type { SchedulerClient } from "#daemons/scheduler/client/client.ts";
import type { NodeIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import type { SchedulerServer } from "#daemons/scheduler/server/server.ts";
import type { Addresses } from "./addresses.ts";
import type { Serf } from "#daemons/discovery/serf/shell/serf.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { DataFolder } from "./data-folder.ts";
import type { State } from "./open-state.ts";
import type { TaskApi } from "./task-api.ts";
import type { AgentTemplates } from "./template-access.ts";

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly env: SystemEnv;
  readonly version: string;
  /** What a stop does with running tasks: an agent that restarts leaves them, one that goes away for good ends them. */
  readonly tasksAtStop: "leave" | "stop";
  /** Reads the configuration again. */
  readonly reload: () => Promise<void>;
  /** Asks the program to stop this agent and end. */
  readonly shutdown?: () => void;
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
  readonly discovery: Discovery;
  /** Undefined on a node that is alone. */
  readonly gossip: AgentGossip | undefined;
  readonly server: SchedulerServer;
  readonly taskApi: TaskApi;
  readonly templates: AgentTemplates;
  /** Undefined on a node that runs no tasks. */
  readonly client: SchedulerClient | undefined;
}
