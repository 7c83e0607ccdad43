import { isMap, isSlice, plain } from "../type-of.ts";
import { GoComplex, GoFloat32, GoInteger, GoNil } from "../value.ts";
import type { Evaluated } from "./frame.ts";

/** Not the zero of its type: empty strings, lists and maps, zeros, false and nil are false; structs are true. */
export function isTrue(value: Evaluated): boolean {
  switch (typeof value) {
    case "undefined":
      return false;
    case "string":
      return value !== "";
    case "bigint":
      return value !== 0n;
    case "number":
      return value !== 0;
    case "boolean":
      return value;
    default:
      return value !== null && isObjectTrue(value);
  }
}

function isObjectTrue(value: Exclude<Evaluated, undefined | null | string | bigint | number | boolean>): boolean {
  if (isSlice(value)) return value.length > 0;
  if (isMap(value)) return value.size > 0;
  if (value instanceof Uint8Array) return value.length > 0;
  if (value instanceof GoInteger) return value.value !== 0n;
  if (value instanceof GoFloat32) return value.value !== 0;
  if (value instanceof GoComplex) return value.real !== 0 || value.imaginary !== 0;
  if (value instanceof GoNil) return false;
  const bare = plain(value);
  return bare === value || isTrue(bare);
}
