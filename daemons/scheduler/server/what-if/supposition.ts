import * as v from "valibot";
import { shortList, text, textMap, texts } from "#base/protocol/schema.ts";

/** Nodes one question may add, all counts together. */
export const MAX_IMAGINED_NODES = 1000;
/** Nodes one question may take away. */
export const MAX_REMOVED_NODES = 1000;
/** Such a question is answered in one turn of the server: larger jobs are only planned for the cluster as it is. */
export const MAX_WHAT_IF_ALLOCS = 5000;

const amount = v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(1e9)), null);

/** A kind of node to think up. Null and empty: as {@link imaginedNodes} says. */
export const ImaginedNodeSchema = v.object({
  /** `amd64` or `arm64`, as nodes tell it. */
  Arch: text,
  /** MHz. */
  CPU: amount,
  Cores: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(4096)), null),
  MemoryMB: amount,
  DiskMB: amount,
  NodeClass: text,
  Datacenter: text,
  NodePool: text,
  Drivers: texts,
  HostVolumes: texts,
  Attributes: textMap,
  Meta: textMap,
  Count: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_IMAGINED_NODES)), 1),
});
export type ImaginedNode = v.InferOutput<typeof ImaginedNodeSchema>;

/** What the cluster is to be thought of as: without these nodes (an id, the beginning of one, or a name), with those. */
export const SuppositionSchema = v.object({
  Without: shortList(v.string(), { most: MAX_REMOVED_NODES, what: "nodes to do without" }),
  With: shortList(ImaginedNodeSchema, { most: MAX_IMAGINED_NODES, what: "nodes to add" }),
});
export type Supposition = v.InferOutput<typeof SuppositionSchema>;
