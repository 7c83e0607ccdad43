import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import type { Discovery } from "#daemons/discovery/create-discovery.ts";
import type { SchedulerClient } from "#daemons/scheduler/client/client.ts";
import type { NodeIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import type { SchedulerServer } from "#daemons/scheduler/server/server.ts";
import type { Addresses } from "./addresses.ts";
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
}

/** All a start has made so far. */
export interface Composition extends AgentOptions {
  readonly addresses: Addresses;
  readonly folder: DataFolder;
  readonly identity: NodeIdentity;
  readonly nodeName: string;
  readonly state: State;
  readonly discovery: Discovery;
  readonly server: SchedulerServer;
  readonly taskApi: TaskApi;
  readonly templates: AgentTemplates;
  /** Undefined on a node that runs no tasks. */
  readonly client: SchedulerClient | undefined;
}
