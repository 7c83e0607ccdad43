import type { Env } from "#base/env/env.ts";
import type { LogLevel } from "#base/env/log.ts";
import type { AccessRule } from "#base/http/access.ts";
import type { ServerPool } from "#base/state/leadership/server-pool.ts";
import type { Snapshots } from "#base/state/snapshot/snapshots.ts";
import type { Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import type { AlertKeeper } from "../alerts/alert-keeper.ts";
import type { CatalogWriter } from "../catalog/catalog-writer.ts";
import type { EventLog } from "../events/event-log.ts";
import type { Serf } from "../serf/shell/serf.ts";
import type { ChangeIndex } from "../catalog/change-index.ts";
import type { Coordinates } from "../catalog/coordinates.ts";
import type { DiscoveryConfig } from "../config.ts";
import type { KvStore } from "../kv/kv-store.ts";
import type { PrefixIndex } from "../kv/prefix-index.ts";
import type { PreparedQueries } from "../queries/prepared-queries.ts";
import type { Sessions } from "../kv/sessions.ts";
import type { LocalAgent } from "../local/agent.ts";
import type { AclKeeper } from "./acl/acl-keeper.ts";

/** What the routes answer from. */
export interface ConsulDeps {
  readonly env: Env;
  readonly store: Store;
  readonly view: View;
  readonly config: DiscoveryConfig;
  readonly agent: LocalAgent;
  readonly changes: ChangeIndex;
  readonly catalog: CatalogWriter;
  readonly kv: KvStore;
  readonly prefixes: PrefixIndex;
  readonly sessions: Sessions;
  readonly queries: PreparedQueries;
  readonly coordinates: Coordinates;
  readonly events: EventLog;
  readonly alerts: AlertKeeper;
  readonly surroundings: Surroundings;
}

/** What only the composed agent can do. */
export interface Surroundings {
  /** Absent: this agent takes no part in gossip. */
  readonly gossip?: {
    readonly serf: Serf;
    /** Leaves the cluster, and ends the agent. */
    readonly leave: () => Promise<void>;
  };
  /** Who may do what. Absent: this agent has no servers to ask. */
  readonly acl?: AclKeeper;
  /** The servers that share the state. Absent: this one has it to itself. */
  readonly servers?: ServerPool;
  /** Absent: there are no such routes. */
  readonly snapshots?: Snapshots;
  /** Reads the agent's configuration again. Absent: the route says that there is nothing to reload. */
  readonly reload?: () => Promise<void>;
  /** The agent's log lines from now on, until the signal aborts. Absent: no such route. */
  readonly monitor?: (options: {
    readonly level: LogLevel;
    readonly json: boolean;
    readonly signal: AbortSignal;
  }) => AsyncIterable<Uint8Array>;
}

/** The release of Consul whose API this is: clients switch features on by it. */
export const API_VERSION = "1.22.0";

export function capability(resource: string, need: string): AccessRule {
  return { kind: "capability", resource, capability: need };
}
