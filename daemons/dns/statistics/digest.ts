import * as v from "valibot";
import { messageOf } from "#base/env/errors.ts";

/** What an instance tells of itself: of an hour's names and of ten minutes' clients those that lead. */
export const TOLD_NAMES = 150;
export const TOLD_CLIENTS = 60;
export const TOLD_UPSTREAMS = 20;

const count = v.pipe(v.number(), v.minValue(0));
const CountsSchema = v.record(v.string(), count);
const SlotSchema = v.object({
  at: v.pipe(v.number(), v.integer()),
  total: count,
  blocked: count,
  cached: count,
  forwarded: count,
  statuses: v.pipe(v.array(count), v.maxLength(64)),
  replies: v.pipe(v.array(count), v.maxLength(64)),
  types: CountsSchema,
  clients: CountsSchema,
  blockedClients: CountsSchema,
  /** By server: how many answers, the sum of their times in ms, and of the squares. */
  upstreams: v.record(v.string(), v.tuple([count, count, count])),
});
const DigestSchema = v.object({
  hour: v.pipe(v.number(), v.integer()),
  /** Queries a second, and when that was. */
  rate: count,
  toldMs: count,
  slots: v.pipe(v.array(SlotSchema), v.maxLength(6)),
  allowed: CountsSchema,
  blocked: CountsSchema,
});

export type SlotDigest = v.InferOutput<typeof SlotSchema>;
/** An hour of one instance, as others add it to their own. */
export type HourDigest = v.InferOutput<typeof DigestSchema>;

export function readDigest(text: string): HourDigest | string {
  try {
    return v.parse(DigestSchema, JSON.parse(text));
  } catch (thrown) {
    return messageOf(thrown);
  }
}
