import type { ServerPool } from "#base/state/leadership/server-pool.ts";
import type { Snapshots } from "#base/state/snapshot/snapshots.ts";
import type { MetricsOptions } from "./metrics-options.ts";
import type { StateKeeper } from "./state-keeper.ts";
import type { AgentPool } from "./agent-pool.ts";
import type { AgentOperations } from "./agent-operations.ts";
import type { ParsedText, ParseRequest } from "./parse-job-text.ts";
import type { JobSettings } from "./job-settings.ts";
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
  /** The servers that share the state. Undefined: this one has it to itself. */
  readonly servers?: ServerPool;
  /** Undefined: where the state is kept is not this agent's to say. */
  readonly stateKeeper?: StateKeeper;
  /** Undefined: this agent gossips with nobody. */
  readonly pool?: AgentPool;
  /** RFC 3339. */
  readonly startedAt?: string;
  /** Undefined: nobody may operate the process through the API. */
  readonly operations?: AgentOperations;
  /** Reads job files that would hold others up. Undefined: they are read here. */
  readonly parseApart?: (request: ParseRequest) => Promise<ParsedText>;
  /** Undefined: there are no such routes. */
  readonly snapshots?: Snapshots;
  /** Of jobs; what is left out is as everywhere. */
  readonly jobs?: JobSettings;
  /** Of fuzzy searches. */
  readonly search?: SearchLimits;
  /** Default: in every format, of the scheduler alone. */
  readonly metrics?: MetricsOptions;
  /** Configuration in force, secrets left out. */
  config(): Readonly<Record<string, unknown>>;
  /** Further sections of `/v1/agent/self`'s stats. */
  stats(): Readonly<Record<string, Readonly<Record<string, string>>>>;
}
