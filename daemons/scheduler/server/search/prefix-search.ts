import { idsOf, type SearchContext, type SearchScope } from "./contexts.ts";

/** Matches given of each context; more are cut off and flagged. */
export const MAX_PREFIX_MATCHES = 20;

export interface PrefixMatches {
  readonly Matches: Readonly<Record<string, readonly string[]>>;
  readonly Truncations: Readonly<Record<string, boolean>>;
}

/** Ids by their first characters; a context without matches is left out of `Matches`. */
export function searchPrefix(scope: SearchScope, prefix: string, contexts: readonly SearchContext[]): PrefixMatches {
  const Matches: Record<string, readonly string[]> = {};
  const Truncations: Record<string, boolean> = {};
  for (const context of contexts) {
    // One more than is given, to know that there are more.
    const found = Iterator.from(idsOf(context, scope, prefix))
      .take(MAX_PREFIX_MATCHES + 1)
      .toArray();
    if (found.length > 0) Matches[context] = found.slice(0, MAX_PREFIX_MATCHES);
    Truncations[context] = found.length > MAX_PREFIX_MATCHES;
  }
  return { Matches, Truncations };
}
