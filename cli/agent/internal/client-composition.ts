import type { View } from "#base/state/table.ts";
import type { ServerSet } from "#daemons/cluster/server-set.ts";
import type { Discovery } from "#daemons/discovery/create-discovery.ts";
import type { CatalogStore } from "#daemons/discovery/remote/catalog-store.ts";
import type { SchedulerClient } from "#daemons/scheduler/client/client.ts";
import type { CallServer } from "#daemons/scheduler/client/link-remote.ts";
import type { AgentOptions } from "../agent-options.ts";
import type { AgentGossip, Composition } from "../composition.ts";
import type { FirmwareNode } from "../firmware/firmware-node.ts";
import type { CertificateKeeper } from "./certificate-keeper.ts";

export type Known = AgentOptions &
  Pick<Composition, "addresses" | "folder" | "identity" | "nodeName" | "taskApi" | "templates">;

/** All of an agent that is no server: it keeps no state of the cluster, and asks servers. */
export interface ClientNode extends Known {
  readonly set: ServerSet;
  readonly call: CallServer;
  readonly keeper: CertificateKeeper;
  readonly store: CatalogStore;
  readonly view: View;
  readonly discovery: Discovery;
  readonly gossip: AgentGossip | undefined;
  /** Undefined: this machine runs another. */
  readonly firmware: FirmwareNode | undefined;
  /** Undefined on a server that stands by and runs no tasks. */
  readonly client: SchedulerClient | undefined;
}
