import { formatValue, plainly } from "../format/printer.ts";
import type { GoValue } from "../value.ts";
import { textOfBytes } from "./text/go-bytes.ts";

/** `fmt.Sprintf("%v", value)`. */
export function printValue(value: GoValue): string {
  return formatValue(value, plainly);
}

/** sprig's idea of a value's text: bytes are text too. */
export function textOf(value: GoValue): string {
  return value instanceof Uint8Array ? textOfBytes(value) : printValue(value);
}
