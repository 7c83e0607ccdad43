import { isMap, isSlice, typeOf } from "../type-of.ts";
import { GoFloat32, GoInteger, GoObject, type GoValue } from "../value.ts";

/** Deeper values are taken for different. */
const MAX_DEPTH = 500;

/** `reflect.DeepEqual`: the same type and the same contents. */
export function deepEqual(a: GoValue, b: GoValue, depth = 0): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object" || depth > MAX_DEPTH) return false;
  if (typeOf(a).name !== typeOf(b).name) return false;
  if (a instanceof GoInteger || a instanceof GoFloat32)
    return (b instanceof GoInteger || b instanceof GoFloat32) && a.value === b.value;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof GoObject) return b instanceof GoObject && equalObjects(a, b, depth);
  if (isMap(a)) return isMap(b) && equalMaps(a, b, depth);
  return (
    isSlice(a) &&
    isSlice(b) &&
    a.length === b.length &&
    a.every((item, index) => deepEqual(item, b[index] ?? null, depth + 1))
  );
}

function equalObjects(a: GoObject, b: GoObject, depth: number): boolean {
  if (a.equals(b)) return true;
  const [left, right] = [new Map(a.fields()), new Map(b.fields())];
  return left.size > 0 && equalMaps(left, right, depth);
}

function equalMaps<K>(a: ReadonlyMap<K, GoValue>, b: ReadonlyMap<K, GoValue>, depth: number): boolean {
  if (a.size !== b.size) return false;
  for (const [key, item] of a) if (!b.has(key) || !deepEqual(item, b.get(key) ?? null, depth + 1)) return false;
  return true;
}
