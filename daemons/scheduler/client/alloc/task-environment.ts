import { nodeValue } from "../../node-value.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Node } from "#base/protocol/node.ts";
import type { Task } from "#base/protocol/task.ts";
import type { TaskNetwork, TaskPaths } from "#drivers/driver.ts";
import { deviceVariables, type GivenDevices } from "../devices/device-variables.ts";
import { cleanName } from "./clean-name.ts";
import { interpolateTexts } from "./interpolate.ts";
import type { Lookup } from "./interpolate.ts";

export interface TaskScope {
  readonly alloc: Alloc;
  readonly job: Job;
  readonly group: TaskGroup;
  readonly task: Task;
  readonly node: Node;
  /** As the task sees them. */
  readonly dirs: Pick<TaskPaths, "allocDir" | "localDir" | "secretsDir">;
  readonly region: string;
  readonly given?: GivenDevices;
  /** Undefined: the host's. */
  readonly network?: TaskNetwork | undefined;
}

export interface TaskEnvironment {
  readonly env: Readonly<Record<string, string>>;
  readonly lookup: Lookup;
}

/** https://developer.hashicorp.com/nomad/docs/runtime/environment and …/runtime/interpolation */
export function buildEnvironment(scope: TaskScope): TaskEnvironment {
  const own = {
    ...identityVariables(scope),
    ...portVariables(scope.alloc, scope.network),
    ...(scope.given === undefined ? {} : deviceVariables(scope.given, scope.task)),
    ...metaVariables(scope),
  };
  const fromNode = nodeLookup(scope.node, scope.region);
  const base: Lookup = (name) => fromNode(name) ?? fromMap(own, name);
  const written = sanitizeNames(interpolateTexts(scope.task.Env, base));
  const env = { ...own, ...written };
  return { env, lookup: (name) => fromNode(name) ?? fromMap(env, name) };
}

/** What services of a whole group may refer to. */
export function groupLookup(scope: Omit<TaskScope, "task" | "dirs">): Lookup {
  const { alloc, job, group } = scope;
  const own = {
    NOMAD_ALLOC_ID: alloc.ID,
    NOMAD_SHORT_ALLOC_ID: alloc.ID.slice(0, 8),
    NOMAD_ALLOC_NAME: alloc.Name,
    NOMAD_ALLOC_INDEX: allocIndex(alloc.Name),
    NOMAD_GROUP_NAME: group.Name,
    NOMAD_JOB_ID: job.ID,
    NOMAD_JOB_NAME: job.Name,
    NOMAD_NAMESPACE: alloc.Namespace,
    NOMAD_DC: scope.node.Datacenter,
    NOMAD_REGION: scope.region,
    ...portVariables(alloc, scope.network),
    ...prefixed("NOMAD_META_", { ...job.Meta, ...group.Meta }),
  };
  const fromNode = nodeLookup(scope.node, scope.region);
  return (name) => fromNode(name) ?? fromMap(own, name);
}

function fromMap(map: Readonly<Record<string, string>>, name: string): string | undefined {
  const key = name.startsWith("env.") ? name.slice("env.".length) : name;
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function identityVariables({ alloc, job, group, task, node, dirs, region }: TaskScope): Record<string, string> {
  const resources = alloc.AllocatedResources.Tasks[task.Name];
  const memoryMax = resources?.Memory.MemoryMaxMB ?? 0;
  return {
    NOMAD_ALLOC_DIR: dirs.allocDir,
    NOMAD_TASK_DIR: dirs.localDir,
    NOMAD_SECRETS_DIR: dirs.secretsDir,
    NOMAD_MEMORY_LIMIT: String(resources?.Memory.MemoryMB ?? 0),
    ...(memoryMax > 0 ? { NOMAD_MEMORY_MAX_LIMIT: String(memoryMax) } : {}),
    NOMAD_CPU_LIMIT: String(resources?.Cpu.CpuShares ?? 0),
    ...((resources?.Cpu.ReservedCores.length ?? 0) > 0
      ? { NOMAD_CPU_CORES: (resources?.Cpu.ReservedCores ?? []).join(",") }
      : {}),
    NOMAD_ALLOC_ID: alloc.ID,
    NOMAD_SHORT_ALLOC_ID: alloc.ID.slice(0, 8),
    NOMAD_ALLOC_NAME: alloc.Name,
    NOMAD_ALLOC_INDEX: allocIndex(alloc.Name),
    NOMAD_TASK_NAME: task.Name,
    NOMAD_GROUP_NAME: group.Name,
    NOMAD_JOB_ID: job.ID,
    NOMAD_JOB_NAME: job.Name,
    ...(job.ParentID === "" ? {} : { NOMAD_JOB_PARENT_ID: job.ParentID }),
    NOMAD_DC: node.Datacenter,
    NOMAD_REGION: region,
    NOMAD_NAMESPACE: alloc.Namespace,
  };
}

/** `To` is the port inside the task where it differs from the host's. */
function portVariables(alloc: Alloc, network: TaskNetwork | undefined): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { Label, Value, To, HostIP } of alloc.AllocatedResources.Shared.Ports) {
    const label = cleanName(Label);
    const inside = To > 0 ? To : Value;
    env[`NOMAD_PORT_${label}`] = String(inside);
    env[`NOMAD_IP_${label}`] = HostIP;
    env[`NOMAD_ADDR_${label}`] = hostPort(HostIP, Value);
    env[`NOMAD_HOST_PORT_${label}`] = String(Value);
    env[`NOMAD_HOST_IP_${label}`] = HostIP;
    env[`NOMAD_HOST_ADDR_${label}`] = hostPort(HostIP, Value);
    env[`NOMAD_ALLOC_PORT_${label}`] = String(inside);
    if (network === undefined) continue;
    env[`NOMAD_ALLOC_INTERFACE_${label}`] = network.device;
    env[`NOMAD_ALLOC_IP_${label}`] = network.address;
    env[`NOMAD_ALLOC_ADDR_${label}`] = hostPort(network.address, inside);
  }
  return env;
}

export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Each key twice, as users expect it: as written and in capitals. */
function metaVariables({ job, group, task }: TaskScope): Record<string, string> {
  const meta = { ...job.Meta, ...group.Meta, ...task.Meta };
  const upper = Object.fromEntries(Object.entries(meta).map(([key, value]) => [key.toUpperCase(), value]));
  return prefixed("NOMAD_META_", { ...meta, ...upper });
}

function prefixed(prefix: string, map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [`${prefix}${cleanName(key)}`, value]));
}

function sanitizeNames(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [cleanName(key), value]));
}

/** From `job.group[7]`. */
/** `2` of `job.group[2]`. */
export function allocIndex(name: string): string {
  return /\[(\d+)\]$/.exec(name)?.[1] ?? "";
}

function nodeLookup(node: Node, region: string): Lookup {
  return (name) => nodeValue(node, name, region);
}
