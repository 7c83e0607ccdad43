import * as v from "valibot";
import { defineTable } from "../table.ts";

const ShapesSchema = v.object({
  /** By table: the version whose shape is stored, where it is not the first. */
  Versions: v.record(v.string(), v.number()),
});
type Shapes = v.InferOutput<typeof ShapesSchema>;

/** The shapes that every server knows. One row, id `current`. */
export const shapes = defineTable<Shapes>({ name: "shapes", schemaVersion: 1, schema: ShapesSchema, indexes: {} });
