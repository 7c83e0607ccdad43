import * as v from "valibot";
import { flag, text, texts } from "#base/protocol/schema.ts";

/** What the cluster keeps of its router. */
export const SETTINGS = "lares/router/settings/";
/** The configuration that was confirmed last, as a person wrote it. */
export const CONFIG_KEY = `${SETTINGS}config`;
/** What is asked of the running routers; the next question takes its place. */
export const REQUEST_KEY = `${SETTINGS}request`;
/** By node: the answer to the last question. */
export const REPLIES = "lares/router/replies/";
/** By node: how a running router fares. */
export const NODES = "lares/router/nodes/";
/** By the index at which a configuration came into force, with leading zeros. */
export const HISTORY = "lares/router/history/";
/** Of former configurations. */
export const MOST_HISTORY = 20;

const REQUESTS = ["plan", "apply", "confirm", "rollback"] as const;

export const RequestSchema = v.object({
  id: v.string(),
  kind: v.picklist(REQUESTS),
  /** The configuration, of `plan` and `apply`. */
  text,
  withinMs: v.nullish(v.number(), 60_000),
  autoConfirm: flag,
  /** For people: who asks. */
  by: text,
});
export type RouterRequest = v.InferOutput<typeof RequestSchema>;

export const ReplySchema = v.object({
  id: v.string(),
  node: v.string(),
  ok: v.boolean(),
  code: text,
  message: text,
  hint: v.nullish(v.string()),
  /** For people: what changes, or changed. */
  lines: texts,
  /** How many steps that is. */
  changes: v.nullish(v.number(), 0),
});
export type RouterReply = v.InferOutput<typeof ReplySchema>;

export const HistorySchema = v.object({ text: v.string(), by: text, savedMs: v.nullish(v.number(), 0) });
export type HistoryEntry = v.InferOutput<typeof HistorySchema>;

export function historyKey(index: number): string {
  return `${HISTORY}${String(index).padStart(16, "0")}`;
}

/** The text of a pair; the store hands values out in base64. */
export function pairText({ Value }: { readonly Value: string }): string {
  return Buffer.from(Value, "base64").toString("utf8");
}

/** A pair's JSON in its shape; undefined when somebody wrote something else there. */
export function pairJson<T>(
  pair: { readonly Value: string } | undefined,
  schema: v.GenericSchema<unknown, T>,
): T | undefined {
  if (pair === undefined) return undefined;
  try {
    return v.parse(schema, JSON.parse(pairText(pair)));
  } catch {
    return undefined;
  }
}
