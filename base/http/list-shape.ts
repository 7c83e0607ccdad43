import type { Result } from "#base/env/errors.ts";
import { HttpError } from "./http-error.ts";
import type { Route } from "./route.ts";

/** Compiles a filter expression; the predicate must not throw. */
export type CompileFilter = (expression: string) => Result<(item: unknown) => boolean>;

export interface Shaped {
  readonly value: unknown;
  /** Where the next page starts; undefined on the last. */
  readonly nextToken: string | undefined;
}

export const MAX_FILTER_LENGTH = 10_000;

/** Applies `filter`, `reverse`, `next_token` and `per_page` to what a row answers. Throws an {@link HttpError} 400. */
export function shapeList(
  row: Pick<Route, "filter" | "pageKey">,
  value: unknown,
  request: { readonly query: ReadonlyMap<string, readonly string[]>; readonly compile: CompileFilter | undefined },
): Shaped {
  const matches = row.filter === undefined ? undefined : filterOf(request.query, request.compile);
  const kept = matches === undefined ? value : keep(value, matches);
  if (row.pageKey === undefined || !Array.isArray(kept)) return { value: kept, nextToken: undefined };
  return pageOf(kept, row.pageKey, request.query);
}

/** What `filter=` says of an item; undefined where it says nothing. Throws an {@link HttpError} 400. */
export function filterOf(
  query: ReadonlyMap<string, readonly string[]>,
  compile: CompileFilter | undefined,
): ((item: unknown) => boolean) | undefined {
  const expression = query.get("filter")?.[0] ?? "";
  return expression === "" ? undefined : predicateOf(expression, compile);
}

function predicateOf(expression: string, compile: CompileFilter | undefined): (item: unknown) => boolean {
  if (compile === undefined) throw new HttpError(400, "filter expressions are not available on this endpoint");
  if (expression.length > MAX_FILTER_LENGTH) {
    throw new HttpError(400, `the filter is longer than ${MAX_FILTER_LENGTH} characters`);
  }
  const compiled = compile(expression);
  if (!compiled.ok) throw new HttpError(400, `failed to read filter expression: ${compiled.error.message}`);
  return compiled.value;
}

/** Items of a list; entries of an object by their value. */
function keep(value: unknown, matches: (item: unknown) => boolean): unknown {
  if (Array.isArray(value)) return value.filter((item) => matches(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, item]) => matches(item)));
}

/** Which part of a list was asked for. */
export interface Page {
  readonly isReverse: boolean;
  /** 0: all. */
  readonly perPage: number;
  readonly keyOf: (item: unknown) => string;
  /** Of the items in their order: whether this one is the page's first, or behind it. */
  readonly begins: (item: unknown) => boolean;
}

/** Throws an {@link HttpError} 400. Without `keyOf` there is one page. */
export function pageAsked(
  keyOf: ((item: unknown) => string) | undefined,
  query: ReadonlyMap<string, readonly string[]>,
): Page {
  if (keyOf === undefined) return { isReverse: false, perPage: 0, keyOf: () => "", begins: () => true };
  const reverse = query.get("reverse")?.[0];
  const isReverse = reverse !== undefined && reverse !== "false" && reverse !== "0";
  const token = query.get("next_token")?.[0] ?? "";
  const perPage = perPageOf(query.get("per_page")?.[0] ?? "");
  // The token may name an item that is gone.
  const begins = (item: unknown): boolean => (isReverse ? keyOf(item) <= token : keyOf(item) >= token);
  return { isReverse, perPage, keyOf, begins: token === "" ? () => true : begins };
}

function pageOf(
  list: readonly unknown[],
  keyOf: (item: unknown) => string,
  query: ReadonlyMap<string, readonly string[]>,
): Shaped {
  const { isReverse, perPage, begins } = pageAsked(keyOf, query);
  const ordered = isReverse ? list.toReversed() : list;
  const found = ordered.findIndex((item) => begins(item));
  const start = found < 0 ? ordered.length : found;
  if (perPage === 0) return { value: start === 0 ? ordered : ordered.slice(start), nextToken: undefined };
  const next = ordered[start + perPage];
  return {
    value: ordered.slice(start, start + perPage),
    nextToken: start + perPage < ordered.length ? keyOf(next) : undefined,
  };
}

function perPageOf(text: string): number {
  if (text === "") return 0;
  if (!/^\d{1,9}$/.test(text)) {
    throw new HttpError(400, `invalid per_page ${JSON.stringify(text)}: expected a whole number`);
  }
  return Number(text);
}
