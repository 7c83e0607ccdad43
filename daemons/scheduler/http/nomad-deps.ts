import type { MetricsOptions } from "./metrics-options.ts";
import type { AgentOperations } from "./agent-operations.ts";
import type { SearchLimits } from "../server/search/fuzzy-search.ts";
import type { SchedulerServer } from "../server/server.ts";

/** What the routes answer from. */
export interface NomadHttpDeps {
  readonly server: SchedulerServer;
  readonly agent: AgentFacts;
}

/** What the agent says of itself. */
export interface AgentFacts {
  readonly name: string;
  readonly region: string;
  readonly datacenter: string;
  readonly version: string;
  /** Of the internal API between nodes. */
  readonly rpcAddress: { readonly host: string; readonly port: number };
  readonly servesClient: boolean;
  /** RFC 3339. */
  readonly startedAt?: string;
  /** Undefined: nobody may operate the process through the API. */
  readonly operations?: AgentOperations;
  /** What snapshots are encrypted with. Default: nothing. */
  readonly snapshotKey?: string;
  /** Of fuzzy searches. */
  readonly search?: SearchLimits;
  /** Default: in every format, of the scheduler alone. */
  readonly metrics?: MetricsOptions;
  /** Configuration in force, secrets left out. */
  config(): Readonly<Record<string, unknown>>;
  /** Further sections of `/v1/agent/self`'s stats. */
  stats(): Readonly<Record<string, Readonly<Record<string, string>>>>;
}
