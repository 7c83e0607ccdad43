import { byteLength, decodeText, encodeText } from "../../text.ts";
import { integerOf, isMap, isSlice, plain, typeOf } from "../../type-of.ts";
import { intType, uint8Type, type GoType } from "../../type.ts";
import { GoError, GoInteger, GoNil, GoSlice, sliceOf, type GoKey, type GoValue } from "../../value.ts";
import type { Evaluated } from "../frame.ts";
import { zeroOf } from "../zero.ts";

/** `index x 1 2 3` is `x[1][2][3]`. */
export function index(item: Evaluated, indexes: readonly Evaluated[]): GoValue | GoError {
  if (item === undefined || item === null) return new GoError("index of untyped nil");
  let value: GoValue = item;
  for (const each of indexes) {
    const next = indexOnce(value, each);
    if (next instanceof GoError) return next;
    value = next;
  }
  return value;
}

function indexOnce(item: GoValue, at: Evaluated): GoValue | GoError {
  const bare = plain(item);
  if (bare === null || bare instanceof GoNil) return new GoError("index of nil pointer");
  if (isMap(bare)) return indexMap(bare, at);
  if (typeof bare === "string") {
    const bytes = encodeText(bare);
    const position = indexArgument(at, bytes.length);
    if (typeof position !== "number") return position;
    const byte = bytes[position];
    return byte === undefined
      ? new GoError("reflect: string index out of range")
      : new GoInteger(uint8Type, BigInt(byte));
  }
  if (!isSlice(bare) && !(bare instanceof Uint8Array))
    return new GoError(`can't index item of type ${typeOf(item).name}`);
  const position = indexArgument(at, bare.length);
  if (typeof position !== "number") return position;
  const found = bare[position];
  if (found === undefined) return new GoError("reflect: slice index out of range");
  return bare instanceof Uint8Array && typeof found === "number" ? new GoInteger(uint8Type, BigInt(found)) : found;
}

function indexMap(map: ReadonlyMap<GoKey, GoValue>, at: Evaluated): GoValue | GoError {
  const type = typeOf(map);
  const key = keyArgument(at, type.key ?? intType);
  if (key instanceof GoError) return key;
  return map.get(key) ?? (type.elem === undefined ? null : zeroOf(type.elem));
}

function keyArgument(at: Evaluated, type: GoType): GoKey | GoError {
  if (at === undefined || at === null) return new GoError(`value is nil; should be of type ${type.name}`);
  const number = integerOf(at);
  if (number !== undefined && type.kind !== "string") return number;
  if (typeof at === "string" && type.name === "string") return at;
  return new GoError(`value has type ${typeOf(at).name}; should be ${type.name}`);
}

function indexArgument(at: Evaluated, capacity: number): number | GoError {
  if (at === undefined || at === null) return new GoError("cannot index slice/array with nil");
  const number = integerOf(at);
  if (number === undefined) return new GoError(`cannot index slice/array with type ${typeOf(at).name}`);
  const signed = BigInt.asIntN(64, number);
  return signed < 0n || signed > BigInt(capacity) ? new GoError(`index out of range: ${signed}`) : Number(signed);
}

/** `slice x 1 2` is `x[1:2]`; strings are cut between bytes. */
export function slice(item: Evaluated, indexes: readonly Evaluated[]): GoValue | GoError {
  if (item === undefined || item === null) return new GoError("slice of untyped nil");
  const bare = plain(item);
  if (bare instanceof GoNil) return new GoError("slice of nil pointer");
  if (indexes.length > 3) return new GoError(`too many slice indexes: ${indexes.length}`);
  const bytes = typeof bare === "string" ? encodeText(bare) : bare;
  if (typeof bare === "string" && indexes.length === 3) return new GoError("cannot 3-index slice a string");
  if (!isSlice(bytes) && !(bytes instanceof Uint8Array))
    return new GoError(`can't slice item of type ${typeOf(item).name}`);
  const bounds = boundsOf(indexes, bytes.length);
  if (bounds instanceof GoError) return bounds;
  const cut = bytes.slice(...bounds);
  if (typeof bare === "string") return cut instanceof Uint8Array ? decodeText(cut) : "";
  if (cut instanceof Uint8Array || !(bare instanceof GoSlice)) return cut;
  return sliceOf(bare.type, cut, bare.methods);
}

function boundsOf(indexes: readonly Evaluated[], length: number): [number, number] | GoError {
  const bounds = [0, length];
  for (const [position, each] of indexes.entries()) {
    const at = indexArgument(each, length);
    if (typeof at !== "number") return at;
    bounds[position] = at;
  }
  const [from = 0, to = length, capacity = length] = bounds;
  if (from > to) return new GoError(`invalid slice index: ${from} > ${to}`);
  if (to > capacity) return new GoError(`invalid slice index: ${to} > ${capacity}`);
  return [from, to];
}

/** Bytes of strings, elements of everything else that has some. */
export function length(item: Evaluated): bigint | GoError {
  // What Go's reflection says when asked for the type of nothing.
  if (item === undefined) return new GoError("reflect: call of reflect.Value.Type on zero Value");
  const bare = plain(item);
  if (bare === null || bare instanceof GoNil) return new GoError("len of nil pointer");
  if (typeof bare === "string") return BigInt(byteLength(bare));
  if (isSlice(bare) || bare instanceof Uint8Array) return BigInt(bare.length);
  if (isMap(bare)) return BigInt(bare.size);
  return new GoError(`len of type ${typeOf(item).name}`);
}
