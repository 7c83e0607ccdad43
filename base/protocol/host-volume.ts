import * as v from "valibot";
import { ConstraintSchema } from "./policies.ts";
import { flag, integer, list, text, textMap } from "./schema.ts";

/** How a volume may be used. https://developer.hashicorp.com/nomad/docs/other-specifications/volume/host */
export const VOLUME_ACCESS_MODES = [
  "single-node-reader-only",
  "single-node-writer",
  "single-node-single-writer",
  "single-node-multi-writer",
] as const;
export const VOLUME_ATTACHMENT_MODES = ["file-system", "block-device"] as const;

export const VolumeCapabilitySchema = v.object({ AccessMode: text, AttachmentMode: text });
export type VolumeCapability = v.InferOutput<typeof VolumeCapabilitySchema>;

/**
 * A volume on one node that was asked for through the API. How it stands is what its node says of itself (`NodeSchema`);
 * nothing of that is kept here.
 */
export const HostVolumeSchema = v.object({
  ID: text,
  Namespace: v.nullish(v.string(), "default"),
  Name: text,
  /** Of the plugin that makes it. */
  PluginID: text,
  NodePool: text,
  NodeID: text,
  Constraints: list(ConstraintSchema),
  RequestedCapacityMinBytes: integer,
  RequestedCapacityMaxBytes: integer,
  RequestedCapabilities: list(VolumeCapabilitySchema),
  Parameters: textMap,
  /** Where it lies; set here only where somebody else made it (`register`). */
  HostPath: text,
  CapacityBytes: integer,
  /** Counts the changes of what is asked for. */
  Revision: integer,
  /** Its node is to delete it; the record goes when that is done. */
  Deleting: flag,
  /** Nanoseconds since the epoch. */
  CreateTime: integer,
  ModifyTime: integer,
});
export type HostVolume = v.InferOutput<typeof HostVolumeSchema>;

/** An allocation's name sticks to a volume: what follows it is placed where that is. */
export const VolumeClaimSchema = v.object({
  ID: text,
  Namespace: v.nullish(v.string(), "default"),
  JobID: text,
  TaskGroupName: text,
  /** The last that had it. */
  AllocID: text,
  /** Which one of its group. */
  Index: integer,
  VolumeID: text,
  VolumeName: text,
});
export type VolumeClaim = v.InferOutput<typeof VolumeClaimSchema>;

/** What a node says of a volume of the API that it offers. */
export const OfferedVolumeSchema = v.object({
  ID: text,
  Namespace: v.nullish(v.string(), "default"),
  Revision: integer,
  CapacityBytes: integer,
  Capabilities: list(VolumeCapabilitySchema),
});
export type OfferedVolume = v.InferOutput<typeof OfferedVolumeSchema>;

/** What a node says of one it does not offer: why not, or that it is gone as asked. */
export const VolumeNewsSchema = v.object({
  State: v.picklist(["failed", "deleted"]),
  Revision: integer,
  Message: text,
});
export type VolumeNews = v.InferOutput<typeof VolumeNewsSchema>;
