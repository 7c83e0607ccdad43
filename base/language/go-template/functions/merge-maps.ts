import { floatOf, integerOf, isMap, isSlice, stringOf } from "../type-of.ts";
import { GoError, GoNil, type GoValue } from "../value.ts";
import { dictOf, type Dict } from "./define.ts";

const MAX_DEPTH = 500;

/**
 * Puts what `from` holds into `into`, which is changed and given back: maps are merged key by key, everything else is
 * taken where `into` has nothing (nothing, zero, an empty text, list or map), or always with `override`.
 */
export function mergeMaps(into: Dict, from: Dict, options: { readonly override: boolean }): Dict | GoError {
  return mergeAt(into, from, { ...options, depth: 0 });
}

function mergeAt(
  into: Dict,
  from: Dict,
  options: { readonly override: boolean; readonly depth: number },
): Dict | GoError {
  if (options.depth > MAX_DEPTH) return new GoError(`the maps are nested deeper than ${MAX_DEPTH} levels`);
  if (into === from) return into;
  for (const [key, value] of from) {
    const existing = into.get(key) ?? null;
    const [inner, outer] = [dictOf(value), dictOf(existing)];
    if (inner !== undefined && outer !== undefined && outer.size > 0) {
      const merged = mergeAt(outer, inner, { ...options, depth: options.depth + 1 });
      if (merged instanceof GoError) return merged;
    } else if (options.override ? value !== null || existing === null : isEmpty(existing)) into.set(key, value);
  }
  return into;
}

/** Nothing, false, zero, or an empty text, list or map. */
export function isEmpty(value: GoValue): boolean {
  if (value === null || value instanceof GoNil || value === false) return true;
  if (isMap(value)) return value.size === 0;
  if (isSlice(value) || value instanceof Uint8Array) return value.length === 0;
  return stringOf(value) === "" || integerOf(value) === 0n || floatOf(value) === 0;
}
