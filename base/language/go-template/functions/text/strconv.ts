import { fail, succeed, type Result } from "#base/env/errors.ts";
import { quote } from "../../format/quote.ts";

const INT64 = 63n;
const UINT64 = 64n;

/** `strconv.ParseInt` for 64 bits; base 0 reads 0x, 0o, 0b, a leading 0 and underscores (https://pkg.go.dev/strconv). */
export function parseGoInt(text: string, base: 0 | 8 | 10 = 10): Result<bigint> {
  const negative = text.startsWith("-");
  const magnitude = parseMagnitude(text.replace(/^[+-]/, ""), base);
  if (magnitude === undefined) return invalid("ParseInt", text);
  const value = negative ? -magnitude : magnitude;
  return BigInt.asIntN(Number(INT64) + 1, value) === value ? succeed(value) : outOfRange("ParseInt", text);
}

/** `strconv.ParseUint` for 64 bits. */
export function parseGoUint(text: string, base: 0 | 8 | 10 = 10): Result<bigint> {
  const value = parseMagnitude(text, base);
  if (value === undefined) return invalid("ParseUint", text);
  return BigInt.asUintN(Number(UINT64), value) === value ? succeed(value) : outOfRange("ParseUint", text);
}

/** `strconv.Atoi`. */
export function parseAtoi(text: string): Result<bigint> {
  const parsed = parseGoInt(text);
  if (parsed.ok) return parsed;
  return fail(parsed.error.code, parsed.error.message.replace("ParseInt", "Atoi"));
}

/** `strconv.ParseFloat` for 64 bits: decimal and hexadecimal, inf and nan in any case. */
export function parseGoFloat(text: string): Result<number> {
  const named = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (named !== null) {
    if (named[2]?.toLowerCase() === "nan") return named[1] === "" ? succeed(NaN) : invalid("ParseFloat", text);
    return succeed(named[1] === "-" ? -Infinity : Infinity);
  }
  const hex = parseHexFloat(text);
  if (hex === undefined && !/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text))
    return invalid("ParseFloat", text);
  const value = hex ?? Number(text);
  return Number.isFinite(value) ? succeed(value) : outOfRange("ParseFloat", text);
}

/** `strconv.ParseBool`. */
export function parseGoBool(text: string): Result<boolean> {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return succeed(true);
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return succeed(false);
  return invalid("ParseBool", text);
}

function parseMagnitude(text: string, base: 0 | 8 | 10): bigint | undefined {
  if (base === 10) return /^\d+$/.test(text) ? BigInt(text) : undefined;
  if (base === 8) return /^[0-7]+$/.test(text) ? BigInt(`0o${text}`) : undefined;
  const plain = text.toLowerCase();
  if (!/^(?:0[xob])?_?[\da-f]+(?:_[\da-f]+)*$/.test(plain)) return undefined;
  if (/^[1-9][\d_]*$/.test(plain) || plain === "0") return BigInt(plain.replaceAll("_", ""));
  const digits = plain.replaceAll("_", "").replace(/^0o?(?=[0-7]+$)/, "0o");
  return /^0(?:x[\da-f]+|o[0-7]+|b[01]+)$/.test(digits) ? BigInt(digits) : undefined;
}

function parseHexFloat(text: string): number | undefined {
  const match = /^([+-]?)0x([\da-f]*)\.?([\da-f]*)p([+-]?\d+)$/i.exec(text);
  if (match === null || `${match[2]}${match[3]}` === "") return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const mantissa = Number(BigInt(`0x${whole}${fraction}`));
  return (sign === "-" ? -1 : 1) * mantissa * 2 ** (Number(exponent) - 4 * fraction.length);
}

function invalid(name: string, text: string): Result<never> {
  return fail("bad_number", `strconv.${name}: parsing ${quote(text)}: invalid syntax`);
}

function outOfRange(name: string, text: string): Result<never> {
  return fail("bad_number", `strconv.${name}: parsing ${quote(text)}: value out of range`);
}
