import type { Env } from "#base/env/env.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { Node } from "#base/protocol/node.ts";
import { cniFacts, type CniFacts } from "./cni.ts";
import { boardAttributes } from "./board.ts";
import { cpuAttributes, cpuFacts, totalMhz, type Core, type CpuFacts } from "./cpu.ts";
import { isAllowed } from "./denylist.ts";
import { diskAttributes } from "./disks.ts";
import { parseIdList } from "./id-list.ts";
import { networkFacts, nodeNetworks, type NetworkFacts } from "./network.ts";
import { numaAttributes } from "./numa.ts";
import { inventoryAttributes, type InventoryPlace } from "./inventory.ts";
import type { NodeIdentity } from "./node-identity.ts";
import { deviceUnder } from "../volumes/mounted.ts";
import { systemFacts } from "./system.ts";
import type { SystemFacts } from "./system.ts";
import { virtualizationAttributes } from "./virtualization.ts";

export interface NodeInputs {
  readonly config: AgentConfig;
  readonly identity: NodeIdentity;
  /** Where other machines reach this agent's HTTP API: `host:port`. */
  readonly httpAddress: string;
  /** The same of the internal API; undefined: it has none. */
  readonly internalAddress?: string | undefined;
  readonly allocsRoot: string;
  readonly version: string;
  /** How this machine is looked through by a program of its own; undefined: it is not. */
  readonly inventory?: InventoryPlace | undefined;
  /** What the agent knows besides: of its discovery. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** More that is asked, by the names under which `fingerprint.denylist` switches them off. */
  readonly askKernel?: Readonly<Record<string, () => Promise<Record<string, string>>>>;
}

/** The attribute by which other nodes find it. */
export const INTERNAL_ADDRESS = "unique.lares.internal-address";

const MB = 1024 * 1024;
/** What a task may be sent: https://developer.hashicorp.com/nomad/docs/job-specification/task#kill_signal */
const SIGNALS =
  "SIGABRT,SIGALRM,SIGCONT,SIGHUP,SIGINT,SIGKILL,SIGPIPE,SIGQUIT,SIGSTOP,SIGTERM,SIGTSTP,SIGUSR1,SIGUSR2,SIGWINCH";

interface Facts {
  readonly cpu: CpuFacts;
  readonly system: SystemFacts;
  readonly network: NetworkFacts;
  /** `volume`: the device, or whatever else is mounted. */
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number; readonly volume: string };
  readonly hostname: string;
  readonly cni: CniFacts;
  /** What a node can also do without knowing. */
  readonly more: Readonly<Record<string, string>>;
}

/** By the names under which `fingerprint.denylist` switches them off. */
const MORE: Readonly<Record<string, (env: Env) => Promise<Record<string, string>>>> = {
  board: boardAttributes,
  storage: diskAttributes,
  numa: numaAttributes,
  virtualization: virtualizationAttributes,
};

/** What this machine is and has, without its drivers. Attribute names: https://developer.hashicorp.com/nomad/docs/runtime/interpolation */
export async function fingerprintNode(env: Env, inputs: NodeInputs): Promise<Node> {
  const { config, identity } = inputs;
  const { client } = config;
  const facts: Facts = {
    cpu: await cpuFacts(env),
    system: await systemFacts(env),
    network: await networkFacts(env, client),
    disk: { ...(await env.disk.space(inputs.allocsRoot)), volume: await volumeOf(env.disk, inputs.allocsRoot) },
    hostname: env.net.hostname(),
    cni: isAllowed(client.options, "fingerprint", "cni") ? await cniFacts(env, client) : NO_CNI,
    more: {
      ...(await inventoryAttributes(env, inputs.inventory)),
      ...(await moreFacts(env, inputs)),
    },
  };
  const total = client.cpuTotalCompute > 0 ? client.cpuTotalCompute : totalMhz(facts.cpu.cores);
  const kept = keptCores(facts.cpu.cores, client.reserved);
  return {
    ID: identity.nodeId,
    SecretID: identity.secretId,
    Name: config.name === "" ? facts.hostname : config.name,
    Datacenter: config.datacenter,
    NodeClass: client.nodeClass,
    NodePool: client.nodePool,
    HTTPAddr: inputs.httpAddress,
    TLSEnabled: config.tls.http,
    Attributes: attributesOf(facts, { total, kept, inputs }),
    Meta: client.meta,
    Links: {},
    NodeResources: resourcesOf(env, facts, { inputs, total }),
    ReservedResources: {
      Cpu: { CpuShares: kept.mhz, ReservedCpuCores: [...kept.ids] },
      Memory: { MemoryMB: client.reserved.memory },
      Disk: { DiskMB: client.reserved.disk },
      Networks: { ReservedHostPorts: client.reserved.reservedPorts },
    },
    Drivers: {},
    HostVolumes: fixedVolumes(client),
    HostNetworks: Object.fromEntries(
      client.hostNetworks.map((each) => [
        each.name,
        { Name: each.name, CIDR: each.cidr, Interface: each.interface, ReservedPorts: each.reservedPorts },
      ]),
    ),
    ComputedClass: "",
  };
}

/** Of the configuration. */
export function fixedVolumes({ hostVolumes }: Pick<AgentConfig["client"], "hostVolumes">): Node["HostVolumes"] {
  return Object.fromEntries(
    hostVolumes.map(({ name, path, readOnly }) => [name, { Name: name, Path: path, ReadOnly: readOnly }]),
  );
}

/** As df(1) names it; where it cannot be told, the folder. */
async function volumeOf(disk: Env["disk"], path: string): Promise<string> {
  const real = await disk.resolve(path).catch(() => undefined);
  return (await deviceUnder(disk, real ?? path).catch(() => undefined)) ?? path;
}

const NO_CNI: CniFacts = { attributes: {}, networks: [], nodeNetworks: [] };

async function moreFacts(env: Env, { config, askKernel }: NodeInputs): Promise<Record<string, string>> {
  const asked = Object.entries({ ...MORE, ...askKernel }).filter(([name]) =>
    isAllowed(config.client.options, "fingerprint", name),
  );
  const found = await Promise.all(asked.map(([, ask]) => ask(env).catch((): Record<string, string> => ({}))));
  return Object.fromEntries(found.flatMap((attributes) => Object.entries(attributes)));
}

interface KeptCores {
  readonly ids: readonly number[];
  readonly mhz: number;
}

/** Whole cores that are kept for the machine bring their MHz; `cpu` counts where it is more. */
function keptCores(cores: readonly Core[], { cpu, cores: named }: AgentConfig["client"]["reserved"]): KeptCores {
  const wanted = new Set(parseIdList(named));
  const own = cores.filter(({ id }) => wanted.has(id));
  return { ids: own.map(({ id }) => id), mhz: Math.max(cpu, totalMhz(own)) };
}

interface Account {
  readonly total: number;
  readonly kept: KeptCores;
  readonly inputs: NodeInputs;
}

function attributesOf(
  { cpu, system, network: { main }, disk, hostname, cni, more }: Facts,
  { total, kept, inputs }: Account,
): Record<string, string> {
  const free: Record<string, string> = inputs.config.client.nomadServiceDiscovery
    ? { "nomad.service_discovery": "true" }
    : {};
  return {
    ...free,
    ...inputs.attributes,
    ...cni.attributes,
    ...more,
    ...cpuAttributes(cpu),
    "cpu.reservablecores": String(cpu.cores.length - kept.ids.length),
    "cpu.totalcompute": String(total),
    "cpu.usablecompute": String(total - kept.mhz),
    "kernel.name": "linux",
    "kernel.arch": cpu.arch === "amd64" ? "x86_64" : cpu.arch === "arm64" ? "aarch64" : cpu.arch,
    "kernel.version": system.kernelVersion,
    "os.name": system.osName,
    "os.version": system.osVersion,
    ...(system.cgroups === undefined ? {} : { "os.cgroups.version": String(system.cgroups) }),
    "memory.totalbytes": String(system.memoryBytes),
    "unique.hostname": hostname,
    ...(main === undefined ? {} : { "unique.network.ip-address": main.address }),
    "unique.storage.volume": disk.volume,
    "unique.storage.bytestotal": String(disk.totalBytes),
    "unique.storage.bytesfree": String(disk.freeBytes),
    ...(inputs.internalAddress === undefined ? {} : { [INTERNAL_ADDRESS]: inputs.internalAddress }),
    "os.signals": SIGNALS,
    "nomad.version": inputs.version,
    "nomad.advertise.address": inputs.httpAddress,
  };
}

function resourcesOf(
  env: Env,
  { cpu, system, network, disk, cni }: Facts,
  of: { inputs: NodeInputs; total: number },
): Node["NodeResources"] {
  const { client } = of.inputs.config;
  const host = nodeNetworks(env, network, client.hostNetworks);
  const diskMb =
    client.diskFreeMb > 0 ? client.diskFreeMb : client.diskTotalMb > 0 ? client.diskTotalMb : disk.freeBytes / MB;
  return {
    Cpu: {
      CpuShares: of.total,
      TotalCpuCores: cpu.cores.length,
      ReservableCpuCores: cpu.cores.map(({ id }) => id),
    },
    Memory: { MemoryMB: client.memoryTotalMb > 0 ? client.memoryTotalMb : Math.floor(system.memoryBytes / MB) },
    Disk: { DiskMB: Math.floor(diskMb) },
    Networks: [...host.Networks, ...cni.networks],
    NodeNetworks: [...host.NodeNetworks, ...cni.nodeNetworks],
    Devices: [],
    MinDynamicPort: client.minDynamicPort,
    MaxDynamicPort: client.maxDynamicPort,
  };
}
