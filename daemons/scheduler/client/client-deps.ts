import type { Env } from "#base/env/env.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { DeviceSource, Driver } from "#drivers/driver.ts";
import type { ServerLink } from "../link.ts";
import type { ServiceRegistry } from "./service-registry.ts";
import type { TemplateAccess } from "./templates/template-access.ts";

export interface SchedulerClientDeps {
  readonly env: Env;
  readonly link: ServerLink;
  readonly drivers: readonly Driver[];
  /** Find what tasks ask for by `device` blocks. Undefined: there is nothing to ask for. */
  readonly devices?: readonly DeviceSource[];
  readonly registry: ServiceRegistry;
  /** How templates of tasks reach the cluster; undefined: jobs with templates are refused. */
  readonly templates?: TemplateAccess;
  readonly config: AgentConfig;
  /** Holds `client/` (identity, state) and `alloc/` (folders of allocations). Absolute. */
  readonly dataDir: string;
  /** Where other machines reach this agent's HTTP API: `host:port`. */
  readonly httpAddress: string;
  /** The same of the internal API between nodes; undefined: this node is alone. */
  readonly internalAddress?: string | undefined;
  readonly version: string;
  /** A program that looks through this machine, prints what it found as JSON, and ends. Absent: nobody does. */
  readonly inventoryCommand?: readonly string[];
  /** Of this node, as other parts of the agent know them: `consul.version` … */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Asked with the fingerprint, by the names under which `fingerprint.denylist` switches them off. */
  readonly askKernel?: Readonly<Record<string, () => Promise<Record<string, string>>>>;
  /** What lets this node in where the servers do not know it yet. Absent: what lies in the state folder, if anything. */
  readonly introduction?: string | undefined;
  /** What becomes of the tasks when this client stops: `leave` lets them run for the next agent to find. */
  readonly onStop: "leave" | "stop";
}
