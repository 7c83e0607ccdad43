import { readConfig } from "../config-shape.ts";
import type { ConfigReader } from "../config-shape.ts";
import type { StartFailure, TaskStart } from "../driver.ts";
import { imageRef, parseImageName } from "./image-name.ts";
import { mountsOf } from "./mounts.ts";
import type { DockerOptions } from "./plugin-options.ts";
import { portsOf } from "./ports.ts";
import { capName } from "./task-config.ts";

export const LABEL_TASK = "lares.task_id";
export const LABEL_ROOT = "lares.allocs_root";

export interface SpecContext {
  readonly options: DockerOptions;
  readonly allocsRoot: string;
  /** For `cpu_hard_limit`: how many MHz one core is. */
  readonly coreMhz: number;
}

const MB = 1024 * 1024;
/** The kernel's least. */
const MIN_CPU_SHARES = 2;

export type ContainerSpec = Readonly<Record<string, unknown>>;

/** The body of "create container", or why there can be none. https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate */
export function containerSpec(
  task: TaskStart,
  context: SpecContext,
): { readonly ok: true; readonly spec: ContainerSpec } | { readonly ok: false; readonly error: StartFailure } {
  const config = readConfig(task.config);
  const ports = portsOf(task, config);
  if (!ports.ok) return ports;
  const command = config.text("command");
  const args = config.texts("args");
  const cmd = [...(command === "" ? [] : [command]), ...args];
  const spec = {
    Image: imageRef(parseImageName(config.text("image"))),
    ...(cmd.length > 0 ? { Cmd: cmd } : {}),
    ...(config.texts("entrypoint").length > 0 ? { Entrypoint: config.texts("entrypoint") } : {}),
    Env: Object.entries(task.env).map(([name, value]) => `${name}=${value}`),
    ...textField("WorkingDir", config.text("work_dir")),
    ...textField("Hostname", config.text("hostname")),
    ...textField("MacAddress", config.text("mac_address")),
    ...textField("User", task.user),
    Tty: config.flag("tty", false),
    OpenStdin: config.flag("interactive", false),
    Labels: { ...config.map("labels"), ...ownLabels(task, context.allocsRoot) },
    ExposedPorts: ports.exposed,
    HostConfig: { ...hostConfig(task, config, context), PortBindings: ports.bindings },
    ...aliasesOf(config),
  };
  return { ok: true, spec };
}

function ownLabels(task: TaskStart, allocsRoot: string): Record<string, string> {
  return {
    "com.hashicorp.nomad.alloc_id": task.allocId,
    "com.hashicorp.nomad.job_id": task.jobId,
    "com.hashicorp.nomad.namespace": task.namespace,
    "com.hashicorp.nomad.task_group_name": task.groupName,
    "com.hashicorp.nomad.task_name": task.taskName,
    [LABEL_TASK]: task.id,
    [LABEL_ROOT]: allocsRoot,
  };
}

function hostConfig(task: TaskStart, config: ConfigReader, context: SpecContext): Record<string, unknown> {
  return {
    ...networkConfig(task, config),
    ...mountsOf(task, config),
    ...limitsOf(task, config, context),
    ...rightsOf(config, context.options),
    ...modesOf(config),
    LogConfig: logConfig(config),
  };
}

function networkConfig(task: TaskStart, config: ConfigReader): Record<string, unknown> {
  const mode = config.text("network_mode") || (task.networkMode === "none" ? "none" : "");
  return {
    ...textField("NetworkMode", mode),
    ...listField("Dns", config.texts("dns_servers")),
    ...listField("DnsSearch", config.texts("dns_search_domains")),
    ...listField("DnsOptions", config.texts("dns_options")),
    ...listField("ExtraHosts", config.texts("extra_hosts")),
  };
}

function aliasesOf(config: ConfigReader): Record<string, unknown> {
  const [aliases, network] = [config.texts("network_aliases"), config.text("network_mode")];
  if (aliases.length === 0 || network === "") return {};
  return { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: aliases } } } };
}

function limitsOf(task: TaskStart, config: ConfigReader, { options, coreMhz }: SpecContext): Record<string, unknown> {
  const { Cpu: cpu, Memory: memory } = task.resources;
  const hardMb = Math.max(config.number("memory_hard_limit") ?? 0, memory.MemoryMaxMB, memory.MemoryMB);
  const period = config.number("cpu_cfs_period") ?? 100_000;
  const cores = config.text("cpuset_cpus") || cpu.ReservedCores.join(",");
  const pids = config.number("pids_limit") ?? options.pidsLimit;
  return {
    // Swap would only hide a limit that is too small.
    ...(hardMb > 0 ? { Memory: hardMb * MB, MemorySwap: hardMb * MB } : {}),
    ...(memory.MemoryMB > 0 && memory.MemoryMB < hardMb ? { MemoryReservation: memory.MemoryMB * MB } : {}),
    ...(cpu.CpuShares > 0 ? { CpuShares: Math.max(MIN_CPU_SHARES, cpu.CpuShares) } : {}),
    ...(config.flag("cpu_hard_limit", false)
      ? { CpuPeriod: period, CpuQuota: Math.max(1000, Math.round((period * cpu.CpuShares) / coreMhz)) }
      : {}),
    ...textField("CpusetCpus", cores),
    ...(pids === undefined ? {} : { PidsLimit: pids }),
    ...(config.number("shm_size") === undefined ? {} : { ShmSize: config.number("shm_size") }),
    ...(config.number("oom_score_adj") === undefined ? {} : { OomScoreAdj: config.number("oom_score_adj") }),
    Ulimits: ulimitsOf(config.map("ulimit")),
    Sysctls: config.map("sysctl"),
    StorageOpt: config.map("storage_opt"),
  };
}

/** `nofile = "2048:4096"` is soft and hard; one number is both. */
function ulimitsOf(map: Readonly<Record<string, string>>): { Name: string; Soft: number; Hard: number }[] {
  return Object.entries(map).map(([name, value]) => {
    const [soft, hard] = value.split(":").map(Number);
    return { Name: name, Soft: soft ?? 0, Hard: hard ?? soft ?? 0 };
  });
}

function rightsOf(config: ConfigReader, options: DockerOptions): Record<string, unknown> {
  const add = config.texts("cap_add").map((cap) => capName(cap).toUpperCase());
  const drop = config.texts("cap_drop").map((cap) => capName(cap).toUpperCase());
  const rawAllowed =
    add.includes("NET_RAW") ||
    add.includes("ALL") ||
    options.allowCaps.includes("net_raw") ||
    options.allowCaps.includes("all");
  return {
    CapAdd: add,
    CapDrop: rawAllowed || drop.includes("ALL") ? drop : [...new Set([...drop, "NET_RAW"])],
    Privileged: config.flag("privileged", false),
    ReadonlyRootfs: config.flag("readonly_rootfs", false),
    ...listField("SecurityOpt", config.texts("security_opt")),
    ...listField("GroupAdd", config.texts("group_add")),
    Devices: config.blocks("devices").map((block) => {
      const device = readConfig(block);
      const path = device.text("host_path");
      return {
        PathOnHost: path,
        PathInContainer: device.text("container_path") || path,
        CgroupPermissions: device.text("cgroup_permissions") || "rwm",
      };
    }),
  };
}

function modesOf(config: ConfigReader): Record<string, unknown> {
  return {
    ...textField("UsernsMode", config.text("userns_mode")),
    ...textField("IpcMode", config.text("ipc_mode")),
    ...textField("PidMode", config.text("pid_mode")),
    ...textField("UTSMode", config.text("uts_mode")),
    ...textField("CgroupnsMode", config.text("cgroupns")),
    ...textField("Runtime", config.text("runtime")),
    ...textField("VolumeDriver", config.text("volume_driver")),
    ...(config.flag("init", false) ? { Init: true } : {}),
  };
}

/** Small, because the output is copied to the allocation's log files as it comes. */
/** The engine's own copy of the output is our buffer: what a task says in a burst must fit in it until it is copied, or is lost. */
const ENGINE_LOG = { "max-file": "2", "max-size": "16m" };

function logConfig(config: ConfigReader): Record<string, unknown> {
  const block = config.blocks("logging")[0];
  if (block === undefined) return { Type: "json-file", Config: ENGINE_LOG };
  const logging = readConfig(block);
  return { Type: logging.text("type") || logging.text("driver") || "json-file", Config: logging.map("config") };
}

function textField(name: string, value: string): Record<string, string> {
  return value === "" ? {} : { [name]: value };
}

function listField(name: string, value: readonly string[]): Record<string, readonly string[]> {
  return value.length === 0 ? {} : { [name]: value };
}

/** `<task>-<alloc>`; a task's name may hold what a container's may not. */
export function containerName(task: Pick<TaskStart, "taskName" | "allocId">): string {
  return `${task.taskName.replaceAll(/[^a-zA-Z0-9_.-]/g, "_")}-${task.allocId}`;
}
