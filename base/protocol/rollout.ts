import * as v from "valibot";
import { flag, integer, list, text } from "./schema.ts";

/** `waiting` → `draining` → `updating` → one of the others, which are ends. */
export const NODE_UPDATE_STATES = ["waiting", "draining", "updating", "updated", "skipped", "failed"] as const;

/** One node's part in an update of the cluster's firmware. Times in milliseconds since the epoch; 0: never. */
export const NodeUpdateSchema = v.object({
  NodeID: v.string(),
  Name: text,
  State: v.picklist(NODE_UPDATE_STATES),
  /** Versions: what ran, and what is to run. */
  From: text,
  To: text,
  /** Path or URL of what it is told to write: a channel may name another meanwhile. */
  Bundle: text,
  /** When it got into this state. */
  Since: integer,
  /** Why it failed or was skipped, or what it waits for. */
  Reason: text,
  /** It takes tasks again afterwards: it did before. */
  Restore: flag,
  /** When the update before this one was written there, by its own clock. */
  Before: text,
});
export type NodeUpdate = v.InferOutput<typeof NodeUpdateSchema>;

/** An update of the firmware of all nodes, one after the other. */
export const RolloutSchema = v.object({
  /** URL of an update or of a channel's file, as every node can reach it. */
  Source: text,
  /** When nodes may be restarted, as in `Sat,Sun 02:00-05:00 Europe/Berlin`; empty: at any time. */
  Window: text,
  /** Also where the update is older than what runs. */
  Older: flag,
  State: v.picklist(["running", "done", "failed", "stopped"]),
  Reason: text,
  StartedAt: integer,
  EndedAt: integer,
  /** In the order in which they are updated. */
  Nodes: list(NodeUpdateSchema),
});
export type Rollout = v.InferOutput<typeof RolloutSchema>;

/** What a node with our firmware says of it. */
export const FirmwareStateSchema = v.object({
  Version: text,
  Slot: text,
  /** This start was judged: it is confirmed, or stays as it is. */
  Judged: flag,
  /** Of the last update that was written; empty: none ever was. */
  Update: v.nullish(
    v.object({ Version: text, From: text, Slot: text, State: text, At: text, Reason: v.nullish(v.string(), "") }),
    null,
  ),
  /** What became of the last order since the agent was started. */
  Order: v.nullish(v.object({ Source: text, Running: flag, Problem: text }), null),
  Troubles: list(v.string()),
});
export type FirmwareState = v.InferOutput<typeof FirmwareStateSchema>;

/** What a node says of an update before it takes it. */
export const OfferedFirmwareSchema = v.object({ Version: text, Running: text, Bundle: text });
export type OfferedFirmware = v.InferOutput<typeof OfferedFirmwareSchema>;
