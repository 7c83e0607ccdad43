import * as v from "valibot";
import { block, flag, integer, list, optionalInteger, text, textMap, texts } from "./schema.ts";
import { AffinitySchema, ConstraintSchema } from "./policies.ts";

/** A port of a group. `Value` is the host's port (0: choose one), `To` the task's (0: the same; -1: the chosen one). */
export const PortSchema = v.object({
  Label: text,
  Value: integer,
  To: integer,
  HostNetwork: text,
  IgnoreCollision: flag,
});
export type Port = v.InferOutput<typeof PortSchema>;

export const NetworkDnsSchema = v.object({ Servers: texts, Searches: texts, Options: texts });

export const NetworkResourceSchema = v.object({
  /** `host` (default), `bridge`, `none` or `cni/NAME`. */
  Mode: text,
  Device: text,
  CIDR: text,
  IP: text,
  Hostname: text,
  MBits: integer,
  DNS: v.nullish(NetworkDnsSchema, null),
  CNI: v.nullish(v.object({ Args: textMap }), null),
  ReservedPorts: list(PortSchema),
  DynamicPorts: list(PortSchema),
});
export type NetworkResource = v.InferOutput<typeof NetworkResourceSchema>;

export const RequestedDeviceSchema = v.object({
  Name: text,
  Count: v.nullish(v.number(), 1),
  Constraints: list(ConstraintSchema),
  Affinities: list(AffinitySchema),
});
export type RequestedDevice = v.InferOutput<typeof RequestedDeviceSchema>;

/** What a task asks for. CPU in MHz, memory and disk in MB. Null means the default (100 MHz, 300 MB). */
export const ResourcesSchema = v.object({
  CPU: optionalInteger,
  Cores: optionalInteger,
  MemoryMB: optionalInteger,
  MemoryMaxMB: optionalInteger,
  DiskMB: optionalInteger,
  /** Never enforced; kept because its users send it. */
  IOPS: optionalInteger,
  SecretsMB: optionalInteger,
  NUMA: block(v.object({ Affinity: v.nullish(v.string(), "none"), Devices: texts })),
  Networks: list(NetworkResourceSchema),
  Devices: list(RequestedDeviceSchema),
});
export type Resources = v.InferOutput<typeof ResourcesSchema>;

/** A port an allocation was given: reachable at HostIP:Value, seen inside the task as To. */
export const PortMappingSchema = v.object({
  Label: text,
  Value: integer,
  To: integer,
  HostIP: text,
  /** Others may listen there too (`ignore_collision`). */
  IgnoreCollision: v.optional(v.boolean()),
});
export type PortMapping = v.InferOutput<typeof PortMappingSchema>;

export const AllocatedTaskResourcesSchema = v.object({
  Cpu: v.object({ CpuShares: integer, ReservedCores: list(v.number()) }),
  Memory: v.object({ MemoryMB: integer, MemoryMaxMB: integer }),
  Networks: list(NetworkResourceSchema),
  Devices: list(v.object({ Vendor: text, Type: text, Name: text, DeviceIDs: texts })),
});
export type AllocatedTaskResources = v.InferOutput<typeof AllocatedTaskResourcesSchema>;

/** What the plan gave an allocation: the scheduler's side of the account. */
export const AllocatedResourcesSchema = v.object({
  Tasks: v.record(v.string(), AllocatedTaskResourcesSchema),
  TaskLifecycles: v.nullish(v.record(v.string(), v.nullable(v.object({ Hook: text, Sidecar: flag }))), () => ({})),
  Shared: v.object({
    DiskMB: integer,
    Networks: list(NetworkResourceSchema),
    Ports: list(PortMappingSchema),
    /** Host volumes that nobody else may write meanwhile. */
    SoleVolumes: v.optional(v.array(v.string())),
  }),
});
export type AllocatedResources = v.InferOutput<typeof AllocatedResourcesSchema>;
