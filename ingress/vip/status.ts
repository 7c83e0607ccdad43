import * as v from "valibot";

/** What one node says of the addresses it may hold, as it lies in the cluster's key-value store. */
export const VipStatusSchema = v.object({
  node: v.string(),
  /** When this was written, ISO 8601. */
  at: v.string(),
  mode: v.picklist(["vrrp", "lock"]),
  /** Its own addresses, one of each family: the catalog knows the first alone. */
  self: v.optional(v.array(v.string()), []),
  /** Whether this node's HAProxy answers. */
  isHealthy: v.boolean(),
  addresses: v.array(v.object({ address: v.string(), device: v.string(), isHeld: v.boolean() })),
});

export type VipStatus = v.InferOutput<typeof VipStatusSchema>;

export const VIP_STATUS_PREFIX = "lares/ingress/vip/status/";
export const VIP_LOCK_PREFIX = "lares/ingress/vip/locks/";
