import type { Env } from "#base/env/env.ts";
import type { InterfaceAddress } from "#base/env/net.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { Node } from "#base/protocol/node.ts";
import { cpuFacts } from "./cpu.ts";
import type { CpuFacts } from "./cpu.ts";
import { mainAddress, nodeNetworks } from "./network.ts";
import type { NodeIdentity } from "./node-identity.ts";
import { systemFacts } from "./system.ts";
import type { SystemFacts } from "./system.ts";

export interface NodeInputs {
  readonly config: AgentConfig;
  readonly identity: NodeIdentity;
  /** Where other machines reach this agent's HTTP API: `host:port`. */
  readonly httpAddress: string;
  readonly allocsRoot: string;
  readonly version: string;
}

const MB = 1024 * 1024;

interface Facts {
  readonly cpu: CpuFacts;
  readonly system: SystemFacts;
  readonly main: InterfaceAddress | undefined;
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number };
  readonly hostname: string;
}

/** What this machine is and has, without its drivers. Attribute names: https://developer.hashicorp.com/nomad/docs/runtime/interpolation */
export async function fingerprintNode(env: Env, inputs: NodeInputs): Promise<Node> {
  const { config, identity } = inputs;
  const { client } = config;
  const facts: Facts = {
    cpu: await cpuFacts(env),
    system: await systemFacts(env),
    main: await mainAddress(env, client.networkInterface),
    disk: await env.disk.space(inputs.allocsRoot),
    hostname: env.net.hostname(),
  };
  const total = client.cpuTotalCompute > 0 ? client.cpuTotalCompute : facts.cpu.cores * facts.cpu.mhz;
  return {
    ID: identity.nodeId,
    SecretID: identity.secretId,
    Name: config.name === "" ? facts.hostname : config.name,
    Datacenter: config.datacenter,
    NodeClass: client.nodeClass,
    NodePool: client.nodePool,
    HTTPAddr: inputs.httpAddress,
    TLSEnabled: config.tls.http,
    Attributes: attributesOf(facts, total, inputs),
    Meta: client.meta,
    Links: {},
    NodeResources: resourcesOf(env, facts, { inputs, total }),
    ReservedResources: {
      Cpu: { CpuShares: client.reserved.cpu, ReservedCpuCores: [] },
      Memory: { MemoryMB: client.reserved.memory },
      Disk: { DiskMB: client.reserved.disk },
      Networks: { ReservedHostPorts: client.reserved.reservedPorts },
    },
    Drivers: {},
    HostVolumes: Object.fromEntries(
      client.hostVolumes.map(({ name, path, readOnly }) => [name, { Name: name, Path: path, ReadOnly: readOnly }]),
    ),
    HostNetworks: Object.fromEntries(
      client.hostNetworks.map((each) => [
        each.name,
        { Name: each.name, CIDR: each.cidr, Interface: each.interface, ReservedPorts: each.reservedPorts },
      ]),
    ),
    ComputedClass: "",
  };
}

function attributesOf(
  { cpu, system, main, disk, hostname }: Facts,
  totalCompute: number,
  inputs: NodeInputs,
): Record<string, string> {
  const free: Record<string, string> = inputs.config.client.nomadServiceDiscovery
    ? { "nomad.service_discovery": "true" }
    : {};
  return {
    ...free,
    "cpu.arch": cpu.arch,
    "cpu.numcores": String(cpu.cores),
    "cpu.reservablecores": String(cpu.cores),
    "cpu.frequency": String(cpu.mhz),
    "cpu.totalcompute": String(totalCompute),
    "cpu.usablecompute": String(totalCompute - inputs.config.client.reserved.cpu),
    ...(cpu.modelName === "" ? {} : { "cpu.modelname": cpu.modelName }),
    "kernel.name": "linux",
    "kernel.arch": cpu.arch === "amd64" ? "x86_64" : cpu.arch === "arm64" ? "aarch64" : cpu.arch,
    "kernel.version": system.kernelVersion,
    "os.name": system.osName,
    "os.version": system.osVersion,
    ...(system.cgroups === undefined ? {} : { "os.cgroups.version": String(system.cgroups) }),
    "memory.totalbytes": String(system.memoryBytes),
    "unique.hostname": hostname,
    ...(main === undefined ? {} : { "unique.network.ip-address": main.address }),
    "unique.storage.volume": inputs.allocsRoot,
    "unique.storage.bytestotal": String(disk.totalBytes),
    "unique.storage.bytesfree": String(disk.freeBytes),
    "nomad.version": inputs.version,
  };
}

function resourcesOf(
  env: Env,
  { cpu, system, main, disk }: Facts,
  of: { inputs: NodeInputs; total: number },
): Node["NodeResources"] {
  const { client } = of.inputs.config;
  const diskMb =
    client.diskFreeMb > 0 ? client.diskFreeMb : client.diskTotalMb > 0 ? client.diskTotalMb : disk.freeBytes / MB;
  return {
    Cpu: {
      CpuShares: of.total,
      TotalCpuCores: cpu.cores,
      ReservableCpuCores: Array.from({ length: cpu.cores }, (_, core) => core),
    },
    Memory: { MemoryMB: client.memoryTotalMb > 0 ? client.memoryTotalMb : Math.floor(system.memoryBytes / MB) },
    Disk: { DiskMB: Math.floor(diskMb) },
    ...nodeNetworks(env, main, client.hostNetworks),
    Devices: [],
    MinDynamicPort: client.minDynamicPort,
    MaxDynamicPort: client.maxDynamicPort,
  };
}
