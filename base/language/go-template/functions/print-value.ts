import { isMap, isSlice } from "../type-of.ts";
import { GoFloat32, GoInteger, GoNil, GoObject, type GoValue } from "../value.ts";
import { compareKeys } from "./compare.ts";
import { formatGoFloat } from "./text/strconv.ts";
import { textOfBytes } from "./text/go-bytes.ts";

const MAX_DEPTH = 500;

/** `fmt.Sprintf("%v", value)`. */
export function printValue(value: GoValue, depth = 0): string {
  if (value === null || value instanceof GoNil) return "<nil>";
  if (typeof value === "number") return formatGoFloat(value, "g");
  if (typeof value !== "object") return String(value);
  if (depth > MAX_DEPTH) return "…";
  if (value instanceof GoInteger) return String(value.value);
  if (value instanceof GoFloat32) return formatGoFloat(value.value, "g");
  if (value instanceof Uint8Array) return `[${[...value].join(" ")}]`;
  if (value instanceof GoObject) return printObject(value, depth);
  if (isMap(value)) {
    const entries = [...value].toSorted(([a], [b]) => compareKeys(a, b));
    return `map[${entries.map(([key, item]) => `${printValue(key)}:${printValue(item, depth + 1)}`).join(" ")}]`;
  }
  return isSlice(value) ? `[${value.map((item) => printValue(item, depth + 1)).join(" ")}]` : "";
}

function printObject(value: GoObject, depth: number): string {
  const text = value.text();
  if (text !== undefined) return text;
  const plain = value.underlying();
  if (plain !== undefined) return printValue(plain, depth + 1);
  const fields = [...value.fields()].map(([, item]) => printValue(item, depth + 1));
  return `${value.type.kind === "pointer" && depth === 0 ? "&" : ""}{${fields.join(" ")}}`;
}

/** sprig's idea of a value's text: bytes are text too. */
export function textOf(value: GoValue): string {
  return value instanceof Uint8Array ? textOfBytes(value) : printValue(value);
}
