import { matchGlob } from "#base/language/glob.ts";
import { readConfig } from "../config-shape.ts";
import type { ConfigReader } from "../config-shape.ts";
import { distinctNodes } from "../devices/device-nodes.ts";
import type { StartFailure, TaskStart } from "../driver.ts";
import { imageRef, parseImageName } from "./images/image-name.ts";
import { WHOLE_LOG_SIZE } from "./log-access.ts";
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
  /** The agent reads the engine's files of containers' output itself. */
  readonly readsLogFiles: boolean;
  /** The engine's name of the image, where that is not what the task calls it. */
  readonly image?: string | undefined;
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
    Image: context.image ?? imageRef(parseImageName(config.text("image"))),
    ...(cmd.length > 0 ? { Cmd: cmd } : {}),
    ...(config.texts("entrypoint").length > 0 ? { Entrypoint: config.texts("entrypoint") } : {}),
    Env: Object.entries(task.env).map(([name, value]) => `${name}=${value}`),
    ...textField("WorkingDir", config.text("work_dir")),
    ...(task.network === undefined ? textField("Hostname", config.text("hostname")) : {}),
    ...(task.network === undefined ? textField("MacAddress", config.text("mac_address")) : {}),
    ...textField("User", task.user),
    Tty: config.flag("tty", false),
    OpenStdin: config.flag("interactive", false),
    Labels: { ...config.map("labels"), ...ownLabels(task, context) },
    ...(isWithoutHealthcheck(config) ? { Healthcheck: { Test: ["NONE"] } } : {}),
    ...(task.network === undefined ? { ExposedPorts: ports.exposed } : {}),
    HostConfig: {
      ...hostConfig(task, config, context),
      ...(task.network === undefined ? { PortBindings: ports.bindings } : {}),
    },
    ...endpointOf(config),
  };
  return { ok: true, spec };
}

function isWithoutHealthcheck(config: ConfigReader): boolean {
  const block = config.blocks("healthchecks")[0];
  return block !== undefined && readConfig(block).flag("disable", false);
}

function ownLabels(task: TaskStart, { allocsRoot, options }: SpecContext): Record<string, string> {
  return {
    ...extraLabels(task, options.extraLabels),
    "com.hashicorp.nomad.alloc_id": task.allocId,
    "com.hashicorp.nomad.job_id": task.jobId,
    "com.hashicorp.nomad.namespace": task.namespace,
    "com.hashicorp.nomad.task_group_name": task.groupName,
    "com.hashicorp.nomad.task_name": task.taskName,
    [LABEL_TASK]: task.id,
    [LABEL_ROOT]: allocsRoot,
  };
}

/** What is not told of every container. */
function extraLabels(task: TaskStart, patterns: readonly string[]): Record<string, string> {
  const known = { job_name: task.env["NOMAD_JOB_NAME"], node_name: task.node?.name, node_id: task.node?.id };
  const isWanted = (name: string): boolean => patterns.some((pattern) => matchGlob(pattern, name));
  return Object.fromEntries(
    Object.entries(known).flatMap(([name, value]) =>
      value !== undefined && isWanted(name) ? [[`com.hashicorp.nomad.${name}`, value]] : [],
    ),
  );
}

function hostConfig(task: TaskStart, config: ConfigReader, context: SpecContext): Record<string, unknown> {
  return {
    ...networkConfig(task, config),
    ...mountsOf(task, { config, selinuxLabel: context.options.selinuxLabel }),
    ...limitsOf(task, config, context),
    ...rightsOf(config, context.options),
    Devices: [...namedDevices(config), ...givenDevices(task)],
    ...modesOf(config),
    LogConfig: logConfig(config, context),
  };
}

function networkConfig(task: TaskStart, config: ConfigReader): Record<string, unknown> {
  const { network } = task;
  // It has the sandbox's names, addresses and files: the engine refuses others.
  if (network !== undefined) return { NetworkMode: `container:${network.sandbox}` };
  const mode = config.text("network_mode") || (task.networkMode === "none" ? "none" : "");
  return {
    ...textField("NetworkMode", mode),
    ...listField("Dns", config.texts("dns_servers")),
    ...listField("DnsSearch", config.texts("dns_search_domains")),
    ...listField("DnsOptions", config.texts("dns_options")),
    ...listField("ExtraHosts", config.texts("extra_hosts")),
  };
}

/** What a task is in a network of the engine's that it named. */
function endpointOf(config: ConfigReader): Record<string, unknown> {
  const [aliases, network] = [config.texts("network_aliases"), config.text("network_mode")];
  const [ipv4, ipv6] = [config.text("ipv4_address"), config.text("ipv6_address")];
  if (network === "" || (aliases.length === 0 && ipv4 === "" && ipv6 === "")) return {};
  const endpoint = {
    ...listField("Aliases", aliases),
    ...(ipv4 === "" && ipv6 === ""
      ? {}
      : { IPAMConfig: { ...textField("IPv4Address", ipv4), ...textField("IPv6Address", ipv6) } }),
  };
  return { NetworkingConfig: { EndpointsConfig: { [network]: endpoint } } };
}

function limitsOf(task: TaskStart, config: ConfigReader, { options, coreMhz }: SpecContext): Record<string, unknown> {
  const { Cpu: cpu, Memory: memory } = task.resources;
  const hardMb = Math.max(config.number("memory_hard_limit") ?? 0, memory.MemoryMaxMB, memory.MemoryMB);
  const period = config.number("cpu_cfs_period") ?? 100_000;
  const cores = config.text("cpuset_cpus") || cpu.ReservedCores.join(",");
  const pids = config.number("pids_limit") ?? options.pidsLimit;
  const oomScoreAdj = config.number("oom_score_adj") ?? options.oomScoreAdj;
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
    ...(oomScoreAdj === undefined ? {} : { OomScoreAdj: oomScoreAdj }),
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
  };
}

interface EngineDevice {
  readonly PathOnHost: string;
  readonly PathInContainer: string;
  readonly CgroupPermissions: string;
}

function namedDevices(config: ConfigReader): readonly EngineDevice[] {
  return config.blocks("devices").map((block) => {
    const device = readConfig(block);
    const path = device.text("host_path");
    return {
      PathOnHost: path,
      PathInContainer: device.text("container_path") || path,
      CgroupPermissions: device.text("cgroup_permissions") || "rwm",
    };
  });
}

function givenDevices({ devices = [] }: TaskStart): readonly EngineDevice[] {
  return distinctNodes(devices).map(({ hostPath, taskPath, permissions }) => ({
    PathOnHost: hostPath,
    PathInContainer: taskPath,
    CgroupPermissions: permissions,
  }));
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

/** Of an engine elsewhere: what a task prints in a burst must fit in it until it is copied, or is lost. */
const ENGINE_LOG = { "max-file": "2", "max-size": "64m" };
/** Where the agent reads the file itself and gives back what it has copied: never turned over, whatever the engine's default is. */
const WHOLE_LOG = { "max-file": "1", "max-size": WHOLE_LOG_SIZE };

function logConfig(config: ConfigReader, { readsLogFiles, options }: SpecContext): Record<string, unknown> {
  const block = config.blocks("logging")[0] ?? options.logging;
  if (block === undefined) return { Type: "json-file", Config: readsLogFiles ? WHOLE_LOG : ENGINE_LOG };
  const logging = readConfig(block);
  const type = logging.text("type") || logging.text("driver") || "json-file";
  const given = logging.map("config");
  if (type !== "json-file" || !readsLogFiles) return { Type: type, Config: given };
  // The engine would throw away what was not copied yet; the agent keeps the file small in its stead. One file is never compressed.
  const { compress: _, ...kept } = given;
  return { Type: type, Config: { ...kept, ...WHOLE_LOG } };
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
