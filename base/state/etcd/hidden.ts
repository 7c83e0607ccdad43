import type { Span } from "./api.ts";

/**
 * Where the engine keeps what is no state of the cluster: writers' marks, locks bound to leases. The highest code point sorts
 * after every other text, so that all the rest is one range; the store refuses keys that begin with it.
 */
export const HIDDEN = "\u{10FFFF}lares/";

/** Begins every hidden key, and no other. */
export const HIDDEN_MARK = "\u{10FFFF}";

/** What the store shows under a prefix. */
export function shown(prefix: string, after?: string): Span {
  const later = after === undefined ? {} : { after };
  return prefix === "" ? { prefix, ...later, before: HIDDEN_MARK } : { prefix, ...later };
}
