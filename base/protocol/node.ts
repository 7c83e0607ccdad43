import * as v from "valibot";
import { flag, integer, list, text, textMap } from "./schema.ts";
import { OfferedVolumeSchema, VolumeNewsSchema } from "./host-volume.ts";
import { NetworkResourceSchema } from "./resources.ts";

export type NodeStatus = "initializing" | "ready" | "down" | "disconnected";
export type NodeEligibility = "eligible" | "ineligible";

export const DriverInfoSchema = v.object({
  Attributes: textMap,
  Detected: flag,
  Healthy: flag,
  HealthDescription: text,
  UpdateTime: text,
});
export type DriverInfo = v.InferOutput<typeof DriverInfoSchema>;

/** Devices of one kind: a task gets instances of them. */
export const NodeDeviceSchema = v.object({
  Vendor: text,
  Type: text,
  Name: text,
  Instances: list(v.object({ ID: text, Healthy: flag, HealthDescription: text })),
  Attributes: v.nullish(
    v.record(
      v.string(),
      v.object({
        Int: v.nullish(v.number(), null),
        Float: v.nullish(v.number(), null),
        String: v.nullish(v.string(), null),
        Bool: v.nullish(v.boolean(), null),
        Unit: text,
      }),
    ),
    () => ({}),
  ),
});
export type NodeDevice = v.InferOutput<typeof NodeDeviceSchema>;

export const NodeResourcesSchema = v.object({
  Cpu: v.object({ CpuShares: integer, TotalCpuCores: integer, ReservableCpuCores: list(v.number()) }),
  Memory: v.object({ MemoryMB: integer }),
  Disk: v.object({ DiskMB: integer }),
  Networks: list(NetworkResourceSchema),
  NodeNetworks: list(
    v.object({
      Mode: text,
      Device: text,
      MacAddress: text,
      Speed: integer,
      Addresses: list(v.object({ Family: text, Alias: text, Address: text, Gateway: text })),
    }),
  ),
  Devices: list(NodeDeviceSchema),
  MinDynamicPort: v.nullish(v.number(), 20000),
  MaxDynamicPort: v.nullish(v.number(), 32000),
});
export type NodeResources = v.InferOutput<typeof NodeResourcesSchema>;

export const NodeReservedSchema = v.object({
  Cpu: v.object({ CpuShares: integer, ReservedCpuCores: list(v.number()) }),
  Memory: v.object({ MemoryMB: integer }),
  Disk: v.object({ DiskMB: integer }),
  Networks: v.object({ ReservedHostPorts: text }),
});

/** A folder of a node that tasks may ask for. */
export const NodeVolumeSchema = v.object({
  Name: text,
  Path: text,
  ReadOnly: flag,
  /** Absent: it is of the node's configuration. */
  Dynamic: v.optional(OfferedVolumeSchema),
});
export type NodeVolume = v.InferOutput<typeof NodeVolumeSchema>;

/** What a node says of itself. Its status and eligibility are the servers' and live under another key ({@link NodeStateSchema}). */
export const NodeSchema = v.object({
  ID: text,
  SecretID: text,
  Name: text,
  Datacenter: text,
  NodeClass: text,
  NodePool: v.nullish(v.string(), "default"),
  HTTPAddr: text,
  TLSEnabled: flag,
  Attributes: textMap,
  Meta: textMap,
  Links: textMap,
  NodeResources: NodeResourcesSchema,
  ReservedResources: NodeReservedSchema,
  Drivers: v.nullish(v.record(v.string(), DriverInfoSchema), () => ({})),
  HostVolumes: v.nullish(v.record(v.string(), NodeVolumeSchema), () => ({})),
  /** Of volumes that it does not offer, by their ids. */
  HostVolumeNews: v.optional(v.record(v.string(), VolumeNewsSchema)),
  HostNetworks: v.nullish(
    v.record(v.string(), v.object({ Name: text, CIDR: text, Interface: text, ReservedPorts: text })),
    () => ({}),
  ),
  ComputedClass: text,
});
export type Node = v.InferOutput<typeof NodeSchema>;

/** The servers' knowledge of a node: one writer, the leader. */
const NodeEventSchema = v.object({
  Message: text,
  /** `Cluster`, `Drain`, `Driver`. */
  Subsystem: text,
  Details: textMap,
  /** RFC 3339. */
  Timestamp: text,
});
export type NodeEvent = v.InferOutput<typeof NodeEventSchema>;

export const NodeStateSchema = v.object({
  Status: v.picklist(["initializing", "ready", "down", "disconnected"]),
  StatusDescription: text,
  StatusUpdatedAt: integer,
  SchedulingEligibility: v.nullish(v.picklist(["eligible", "ineligible"]), "eligible"),
  DrainStrategy: v.nullish(
    v.object({ Deadline: integer, IgnoreSystemJobs: flag, ForceDeadline: text, StartedAt: text }),
    null,
  ),
  LastDrain: v.nullish(
    v.object({ StartedAt: text, UpdatedAt: text, Status: text, AccessorID: text, Meta: textMap }),
    null,
  ),
  /** The last ten, oldest first. */
  Events: list(NodeEventSchema),
});
export type NodeState = v.InferOutput<typeof NodeStateSchema>;
