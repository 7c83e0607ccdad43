import * as v from "valibot";
import { block, nanoseconds, optionalFlag, text, textMap } from "./schema.ts";

/** What a pool sets differently from the cluster; empty and null: as the cluster. */
export const NodePoolSchedulerSchema = v.object({
  SchedulerAlgorithm: v.nullish(v.picklist(["", "binpack", "spread"]), ""),
  MemoryOversubscriptionEnabled: optionalFlag,
});

/** https://developer.hashicorp.com/nomad/api-docs/node-pools */
export const NodePoolSchema = v.object({
  Name: text,
  Description: text,
  Meta: textMap,
  NodeIdentityTTL: nanoseconds,
  SchedulerConfiguration: block(NodePoolSchedulerSchema),
});
export type NodePool = v.InferOutput<typeof NodePoolSchema>;
