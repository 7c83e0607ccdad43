import * as v from "valibot";
import { block, nanoseconds, text } from "./schema.ts";

/** Who alone may change a variable. https://developer.hashicorp.com/nomad/api-docs/variables/locks */
export const VariableLockSchema = v.object({ ID: text, TTL: nanoseconds, LockDelay: nanoseconds });
export type VariableLock = v.InferOutput<typeof VariableLockSchema>;

/** A variable as it is stored: namespace and path are its key, its items are encrypted. */
export const StoredVariableSchema = v.object({
  /** Of the key `Data` is encrypted with. */
  KeyID: text,
  /** The items as a JSON object of texts, encrypted, in base64. */
  Data: text,
  CreateTime: nanoseconds,
  ModifyTime: nanoseconds,
  Lock: block(VariableLockSchema),
  /** A lock ran out: nobody may change the variable before this time. Nanoseconds since the epoch; 0: no. */
  DelayUntil: nanoseconds,
});
export type StoredVariable = v.InferOutput<typeof StoredVariableSchema>;
