import * as v from "valibot";

/** Keys `lares/dhcp/names/<address>` of the cluster's KV: what DHCP leases are called, for DNS to answer. */
export const LEASE_NAMES_PREFIX = "lares/dhcp/names/";

/** Whose address it is. */
export const LeaseNameSchema = v.object({
  /** One label, or several, without the domain. */
  name: v.string(),
  address: v.string(),
  /** `aa:bb:cc:dd:ee:ff`; empty when it is not known. */
  mac: v.optional(v.string(), ""),
  /** Domain of its own subnet; empty: the house's. */
  domain: v.optional(v.string(), ""),
});

export type LeaseName = v.InferOutput<typeof LeaseNameSchema>;
