import * as v from "valibot";

/** Below the internal API's root. */
export const CATALOG_PATHS = { stream: "/catalog/stream", write: "/catalog/write" } as const;

const RecordSchema = v.object({
  key: v.string(),
  value: v.string(),
  createRevision: v.number(),
  modRevision: v.number(),
  version: v.number(),
});

/** One line of the stream each. */
export const CatalogLineSchema = v.variant("kind", [
  /** All there is follows, up to `state-end`: what was known before is forgotten. */
  v.object({ kind: v.literal("begin"), revision: v.number() }),
  v.object({ kind: v.literal("records"), records: v.array(RecordSchema) }),
  v.object({ kind: v.literal("whole"), revision: v.number() }),
  v.object({
    kind: v.literal("change"),
    revision: v.number(),
    puts: v.array(RecordSchema),
    deletes: v.array(v.string()),
  }),
  /** Nothing happened: the line shows that the server is there. */
  v.object({ kind: v.literal("alive"), revision: v.number() }),
]);
export type CatalogLine = v.InferOutput<typeof CatalogLineSchema>;

export const CatalogWriteSchema = v.object({
  puts: v.array(v.object({ key: v.string(), value: v.string() })),
  deletes: v.array(v.string()),
});
export type CatalogWrite = v.InferOutput<typeof CatalogWriteSchema>;
