import * as v from "valibot";
import { text, texts } from "#base/protocol/schema.ts";

/** What this program put there: only that is ever taken away again. Routes and policy rules bear a mark instead. */
export const OwnedSchema = v.object({
  links: texts,
  /** `device address/length`. */
  addresses: texts,
  /** Kernel settings, with what they were before. */
  settings: v.nullish(v.record(v.string(), v.string()), () => ({})),
  ruleset: v.nullish(v.object({ text, listing: text }), () => ({ text: "", listing: "" })),
  /** Device → what was asked of it. */
  shapers: v.nullish(v.record(v.string(), v.string()), () => ({})),
  tunnels: v.nullish(v.record(v.string(), v.object({ signature: text, peers: texts })), () => ({})),
});
export type Owned = v.InferOutput<typeof OwnedSchema>;

export function ownsNothing(): Owned {
  return v.parse(OwnedSchema, {});
}
