import {
  anyMapType,
  anySliceType,
  anyType,
  boolType,
  bytesType,
  complexType,
  float32Type,
  float64Type,
  intType,
  stringType,
  type GoType,
} from "./type.ts";
import {
  GoComplex,
  GoFloat32,
  GoFunction,
  GoInteger,
  GoMap,
  GoNil,
  GoObject,
  GoSlice,
  type GoKey,
  type GoValue,
} from "./value.ts";

/** The value's own type; of `null`, `interface {}`. */
export function typeOf(value: GoValue): GoType {
  switch (typeof value) {
    case "string":
      return stringType;
    case "bigint":
      return intType;
    case "number":
      return float64Type;
    case "boolean":
      return boolType;
    default:
      return value === null ? anyType : typeOfObject(value);
  }
}

function typeOfObject(value: Exclude<GoValue, null | string | bigint | number | boolean>): GoType {
  if (value instanceof GoObject || value instanceof GoNil) return value.type;
  if (isSlice(value)) return value instanceof GoSlice ? value.type : anySliceType;
  if (isMap(value)) return value instanceof GoMap ? value.type : anyMapType;
  if (value instanceof GoInteger || value instanceof GoFunction) return value.type;
  if (value instanceof GoFloat32) return float32Type;
  if (value instanceof GoComplex) return complexType;
  return bytesType;
}

export function isSlice(value: unknown): value is readonly GoValue[] {
  return Array.isArray(value);
}

export function isMap(value: unknown): value is ReadonlyMap<GoKey, GoValue> {
  return value instanceof Map;
}

/** The value without its name: a `time.Duration` is an int64. Structs stay what they are. */
export function plain(value: GoValue): GoValue {
  return value instanceof GoObject ? (value.underlying() ?? value) : value;
}

/** The number of any integer type; `undefined` for everything else. */
export function integerOf(value: GoValue): bigint | undefined {
  const bare = plain(value);
  if (typeof bare === "bigint") return bare;
  return bare instanceof GoInteger ? bare.value : undefined;
}

/** The number of any float type; `undefined` for everything else. */
export function floatOf(value: GoValue): number | undefined {
  const bare = plain(value);
  if (typeof bare === "number") return bare;
  return bare instanceof GoFloat32 ? bare.value : undefined;
}

/** The text of any string type; `undefined` for everything else. */
export function stringOf(value: GoValue): string | undefined {
  const bare = plain(value);
  return typeof bare === "string" ? bare : undefined;
}

export function isUnsigned(type: GoType): boolean {
  return type.kind.startsWith("uint");
}

/** Whether a value is one of an object that may have methods. */
export function methodOf(value: GoValue, name: string): GoFunction | undefined {
  if (value instanceof GoObject) return value.method(name);
  return value instanceof GoSlice ? value.methods.get(name)?.(value) : undefined;
}
