import { STRIDE, type Steps } from "../schedule/steps.ts";
import { searchPrefix } from "./prefix-search.ts";
import type { SearchContext, SearchScope } from "./contexts.ts";
import { namesOf } from "./names.ts";

/** The agent's `search` block. https://developer.hashicorp.com/nomad/docs/configuration/search */
export interface SearchLimits {
  readonly fuzzyEnabled: boolean;
  /** Things whose names match, of each context. */
  readonly limitQuery: number;
  /** Matches given of each kind. */
  readonly limitResults: number;
  readonly minTermLength: number;
}

export const DEFAULT_SEARCH_LIMITS: SearchLimits = {
  fuzzyEnabled: true,
  limitQuery: 20,
  limitResults: 100,
  minTermLength: 2,
};

/** A name that matched; `Scope` leads to the thing that has it. */
export interface FuzzyMatch {
  readonly ID: string;
  readonly Scope?: readonly string[];
}

export interface FuzzyMatches {
  readonly Matches: Readonly<Record<string, readonly FuzzyMatch[]>>;
  readonly Truncations: Readonly<Record<string, boolean>>;
}

/** Contexts whose things have names of their own; the others are found by the first characters of their ids. */
const NAMED: readonly SearchContext[] = ["allocs", "jobs", "namespaces", "node_pools", "nodes", "plugins"];

/**
 * Names that contain a text, upper and lower case alike, closest first: the earlier the match and the shorter the name,
 * the closer. A job brings its groups, tasks, services, images, commands and classes. Can be interrupted.
 */
export function* searchFuzzy(
  scope: SearchScope,
  term: string,
  options: { readonly contexts: readonly SearchContext[]; readonly limits: SearchLimits },
): Steps<FuzzyMatches> {
  const wanted = term.toLowerCase();
  const found = new Map<string, { readonly match: FuzzyMatch; readonly rank: Rank }[]>();
  const Truncations: Record<string, boolean> = {};
  for (const context of options.contexts.filter((each) => NAMED.includes(each))) {
    let things = 0;
    Truncations[context] = false;
    let seen = 0;
    for (const named of namesOf(context, scope)) {
      seen += 1;
      // Of allocations there may be millions. Only they can be gone through over several turns.
      if (context === "allocs" && seen % STRIDE === 0) yield;
      const hits = named.flatMap(({ kind, match }) => {
        const rank = rankOf(match.ID, wanted);
        return rank === undefined ? [] : [{ kind, match, rank }];
      });
      if (hits.length === 0) continue;
      things += 1;
      if (things > options.limits.limitQuery) {
        Truncations[context] = true;
        break;
      }
      for (const { kind, ...hit } of hits) found.set(kind, [...(found.get(kind) ?? []), hit]);
    }
  }
  const Matches: Record<string, readonly FuzzyMatch[]> = {};
  for (const [kind, hits] of found) {
    if (hits.length > options.limits.limitResults) Truncations[kind] = true;
    const ordered = hits.toSorted((a, b) => closer(a.rank, b.rank) || (a.match.ID < b.match.ID ? -1 : 1));
    Matches[kind] = ordered.slice(0, options.limits.limitResults).map(({ match }) => match);
  }
  return withPrefixes(scope, wanted, { Matches, Truncations, contexts: options.contexts });
}

/** What has only an id is found by its first characters. */
function withPrefixes(
  scope: SearchScope,
  prefix: string,
  fuzzy: FuzzyMatches & { readonly contexts: readonly SearchContext[] },
): FuzzyMatches {
  const contexts = fuzzy.contexts.filter((each) => !NAMED.includes(each));
  const { Matches, Truncations } = searchPrefix(scope, prefix, contexts);
  const named = Object.entries(Matches).map(([kind, ids]) => [kind, ids.map((ID) => ({ ID }))] as const);
  return {
    Matches: { ...fuzzy.Matches, ...Object.fromEntries(named) },
    Truncations: { ...fuzzy.Truncations, ...Truncations },
  };
}

interface Rank {
  readonly at: number;
  readonly length: number;
}

function rankOf(name: string, wanted: string): Rank | undefined {
  const at = name.toLowerCase().indexOf(wanted);
  return at < 0 ? undefined : { at, length: name.length };
}

function closer(a: Rank, b: Rank): number {
  return a.at - b.at || a.length - b.length;
}
