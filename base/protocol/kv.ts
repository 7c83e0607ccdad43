import * as v from "valibot";
import { integer, text } from "./schema.ts";

/** A stored KV entry; its key and indexes are the record's own. `Value` is base64; `Flags` an unsigned 64-bit integer in decimal. */
export const KvEntrySchema = v.object({
  Value: text,
  Flags: v.nullish(v.string(), "0"),
  Session: text,
  LockIndex: integer,
});
export type KvEntry = v.InferOutput<typeof KvEntrySchema>;
