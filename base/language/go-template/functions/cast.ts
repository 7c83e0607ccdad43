import { floatOf, integerOf, stringOf } from "../type-of.ts";
import type { GoValue } from "../value.ts";
import { parseGoFloat, parseGoInt } from "./text/strconv.ts";

/** What sprig makes of any value where it wants a whole number: floats are cut, texts read (0x, 0o, 0b, leading 0), anything else is 0. */
export function castInt(value: GoValue): bigint {
  if (typeof value === "boolean") return value ? 1n : 0n;
  const integer = integerOf(value);
  if (integer !== undefined) return BigInt.asIntN(64, integer);
  const float = floatOf(value);
  if (float !== undefined) return Number.isFinite(float) ? BigInt.asIntN(64, BigInt(Math.trunc(float))) : 0n;
  const text = stringOf(value);
  const parsed = text === undefined ? undefined : parseGoInt(text.replace(/\.0+$/, ""), 0);
  return parsed?.ok === true ? parsed.value : 0n;
}

/** The same where it wants any number. */
export function castFloat(value: GoValue): number {
  if (typeof value === "boolean") return value ? 1 : 0;
  const integer = integerOf(value);
  if (integer !== undefined) return Number(integer);
  const float = floatOf(value);
  if (float !== undefined) return float;
  const text = stringOf(value);
  const parsed = text === undefined ? undefined : parseGoFloat(text);
  return parsed?.ok === true ? parsed.value : 0;
}
