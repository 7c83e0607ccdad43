import * as v from "valibot";
import { GLOBAL, keyOf } from "#base/protocol/keys.ts";

/** Whoever holds this key leads; every transaction of a leader compares its revision. */
export const LEADER_KEY = keyOf("meta", GLOBAL, "leader");

const LeaderRecordSchema = v.object({
  schema: v.literal(1),
  /** Of its node. */
  id: v.string(),
  name: v.string(),
  /** `host:port` of its APIs; empty: it has none. */
  http: v.string(),
  consul: v.string(),
  rpc: v.string(),
  /** Set by a leader that steps down: who is to follow it. */
  successor: v.optional(v.string()),
});

/** A server as it stands in the lock key while it leads. */
export type LeaderRecord = v.InferOutput<typeof LeaderRecordSchema>;

/** Undefined: nothing that this version understands. */
export function readLeader(text: string): LeaderRecord | undefined {
  try {
    const read = v.safeParse(LeaderRecordSchema, JSON.parse(text));
    return read.success ? read.output : undefined;
  } catch {
    return undefined;
  }
}
