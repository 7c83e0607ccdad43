import type { Env } from "#base/env/env.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { AllocReport } from "#base/protocol/alloc.ts";
import type { Node } from "#base/protocol/node.ts";
import type { Driver } from "#drivers/driver.ts";
import type { ServerLink } from "../../link.ts";
import type { ArtifactLimits } from "../artifacts/limits.ts";
import type { AllocNetworks } from "../network/alloc-networks.ts";
import type { DeviceInventory } from "../devices/device-inventory.ts";
import type { SecretsMounts } from "../disk/secrets-mounts.ts";
import type { LogRotation } from "../logs/log-rotation.ts";
import type { ServiceRegistry } from "../service-registry.ts";
import type { TaskRecord } from "../task/task-record.ts";
import type { TemplateAccess } from "../templates/template-access.ts";
import type { HealthVerdict } from "./alloc-health.ts";

/** What every allocation of this node is given. */
export interface AllocRunnerDeps {
  readonly env: Env;
  readonly drivers: ReadonlyMap<string, Driver>;
  readonly registry: ServiceRegistry;
  readonly rotation: LogRotation;
  readonly networks: Pick<AllocNetworks, "ensure" | "find" | "release">;
  readonly devices: Pick<DeviceInventory, "reserve">;
  readonly secrets: SecretsMounts;
  readonly allocsRoot: string;
  readonly region: string;
  readonly maxKillTimeoutMs: number;
  readonly signIdentities: ServerLink["signIdentities"];
  readonly artifacts: ArtifactLimits;
  /** Undefined: jobs with templates are refused. */
  readonly templates:
    | { readonly access: TemplateAccess; readonly settings: AgentConfig["client"]["template"] }
    | undefined;
  node(): Node;
  nodeAddress(): string;
  report(report: AllocReport): void;
  keepTask(allocId: string, task: string, record: TaskRecord): void;
  keepHealth(allocId: string, health: HealthVerdict): void;
}

/** What was kept of an allocation by the agent before. */
export interface SavedTasks {
  readonly tasks: Readonly<Record<string, TaskRecord>>;
  readonly health: HealthVerdict | null;
}
