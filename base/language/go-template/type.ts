/** What Go's reflection calls a kind; `interface` is `interface {}` alone. */
export type GoKind =
  | "bool"
  | "int"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "uintptr"
  | "float32"
  | "float64"
  | "complex128"
  | "string"
  | "slice"
  | "map"
  | "struct"
  | "pointer"
  | "func"
  | "interface";

/** A type as Go prints it (`%T`, error messages): `[]string`, `map[string]interface {}`, `*dependency.CatalogService`. */
export interface GoType {
  readonly name: string;
  readonly kind: GoKind;
  /** Of slices, maps and pointers. */
  readonly elem?: GoType;
  /** Of maps: a string or integer type. */
  readonly key?: GoType;
}

export const boolType: GoType = { name: "bool", kind: "bool" };
export const intType: GoType = { name: "int", kind: "int" };
export const int8Type: GoType = { name: "int8", kind: "int8" };
export const int64Type: GoType = { name: "int64", kind: "int64" };
export const uintType: GoType = { name: "uint", kind: "uint" };
export const uint8Type: GoType = { name: "uint8", kind: "uint8" };
export const uint32Type: GoType = { name: "uint32", kind: "uint32" };
export const uint64Type: GoType = { name: "uint64", kind: "uint64" };
export const float32Type: GoType = { name: "float32", kind: "float32" };
export const float64Type: GoType = { name: "float64", kind: "float64" };
export const complexType: GoType = { name: "complex128", kind: "complex128" };
export const stringType: GoType = { name: "string", kind: "string" };
export const anyType: GoType = { name: "interface {}", kind: "interface" };
export const bytesType: GoType = { name: "[]uint8", kind: "slice", elem: uint8Type };
/** What a plain JavaScript array is. */
export const anySliceType: GoType = { name: "[]interface {}", kind: "slice", elem: anyType };
export const stringSliceType: GoType = { name: "[]string", kind: "slice", elem: stringType };
/** What a plain JavaScript `Map` is. */
export const anyMapType: GoType = { name: "map[string]interface {}", kind: "map", key: stringType, elem: anyType };
export const stringMapType: GoType = { name: "map[string]string", kind: "map", key: stringType, elem: stringType };

/** `[]elem`, or a named slice type when a name is given. */
export function sliceType(elem: GoType, name = `[]${elem.name}`): GoType {
  return { name, kind: "slice", elem };
}

/** `map[key]elem`. */
export function mapType(key: GoType, elem: GoType): GoType {
  return { name: `map[${key.name}]${elem.name}`, kind: "map", key, elem };
}

/** `*elem`. */
export function pointerType(elem: GoType): GoType {
  return { name: `*${elem.name}`, kind: "pointer", elem };
}

export function structType(name: string): GoType {
  return { name, kind: "struct" };
}

/** Whether an untyped nil may stand for a value of the type. */
export function isNilable(type: GoType): boolean {
  return ["slice", "map", "pointer", "func", "interface"].includes(type.kind);
}
