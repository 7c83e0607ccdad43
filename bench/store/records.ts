import { randomUUID } from "node:crypto";
import * as v from "valibot";
import { put } from "#base/state/codec.ts";
import type { Op } from "#base/state/store.ts";
import { defineTable } from "#base/state/table.ts";

/** About what an allocation is: 256 bytes as stored, a random key, found by its job. */
const ItemSchema = v.object({
  ID: v.string(),
  JobID: v.string(),
  NodeID: v.string(),
  Status: v.string(),
  Text: v.string(),
});
type Item = v.InferOutput<typeof ItemSchema>;

export const items = defineTable<Item>({
  name: "items",
  schemaVersion: 1,
  schema: ItemSchema,
  indexes: { job: (item) => [item.JobID] },
});

export function itemOp(n: number): Op {
  const id = randomUUID();
  const text = "x".repeat(86);
  return put(
    items,
    { namespace: "default", id },
    { ID: id, JobID: `job-${n % 1000}`, NodeID: `node-${n % 6100}`, Status: "running", Text: text },
  );
}
