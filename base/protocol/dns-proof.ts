import * as v from "valibot";

/** Keys `lares/dns/proofs/<anything>` of the cluster's KV: texts that prove a name to be ours, for DNS to answer while they are there. */
export const DNS_PROOFS_PREFIX = "lares/dns/proofs/";

export const DnsProofSchema = v.object({
  /** `_acme-challenge.example.com`. */
  name: v.string(),
  text: v.pipe(v.string(), v.maxLength(255)),
});

export type DnsProof = v.InferOutput<typeof DnsProofSchema>;
