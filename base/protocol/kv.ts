import * as v from "valibot";
import { integer, list, nanoseconds, text, texts } from "./schema.ts";

/** A stored KV entry; its key and indexes are the record's own. `Value` is base64; `Flags` an unsigned 64-bit integer in decimal. */
export const KvEntrySchema = v.object({
  Value: text,
  Flags: v.nullish(v.string(), "0"),
  Session: text,
  LockIndex: integer,
  /** Who wrote it, and when (milliseconds since the epoch); absent where nobody knows. */
  By: v.optional(v.string()),
  At: v.optional(v.number()),
});
export type KvEntry = v.InferOutput<typeof KvEntrySchema>;

/** A session: who holds locks, and what makes it lose them. https://developer.hashicorp.com/consul/api-docs/session */
export const SessionSchema = v.object({
  ID: text,
  Name: text,
  Node: text,
  LockDelay: nanoseconds,
  /** What becomes of the keys it holds. */
  Behavior: v.nullish(v.picklist(["release", "delete"]), "release"),
  /** A duration with its unit; empty: lives until it is destroyed. */
  TTL: text,
  /** Ids of checks of the node. */
  NodeChecks: texts,
  ServiceChecks: list(v.object({ ID: text, Namespace: text })),
});
export type Session = v.InferOutput<typeof SessionSchema>;
