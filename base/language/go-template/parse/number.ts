import { quote } from "../format/quote.ts";
import { unquoteCharacter } from "../lex/unquote.ts";
import type { NumberNode } from "./node.ts";

type Constant = Omit<NumberNode, "kind" | "position">;

const integer = /^[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)$/;
const decimal = /^[+-]?(?=\.?\d)(?:\d(?:_?\d)*)?(?:\.(?:\d(?:_?\d)*)?)?(?:[eE][+-]?\d(?:_?\d)*)?$/;
const hexFloat = /^([+-]?)0[xX]((?:_?[0-9a-fA-F])*)(?:\.([0-9a-fA-F]*))?[pP]([+-]?\d+)$/;

/** What a number item means by Go's rules, or Go's message. */
export function parseNumber(text: string, kind: "character" | "complex" | "number"): Constant | string {
  if (kind === "character") return characterConstant(text);
  if (kind === "complex") return complexConstant(text);
  if (text.endsWith("i")) {
    const imaginary = parseFloat64(text.slice(0, -1));
    if (imaginary !== undefined) return fromComplex(text, { real: 0, imaginary });
  }
  return realConstant(text);
}

function characterConstant(text: string): Constant | string {
  const code = unquoteCharacter(text);
  if (typeof code === "string") return code;
  return { text, int: BigInt(code), uint: BigInt(code), float: code, complex: undefined };
}

function complexConstant(text: string): Constant | string {
  const middle = /[+-]/g;
  // The sign of the imaginary part is the last one that does not belong to an exponent.
  for (const match of [...text.matchAll(middle)].toReversed()) {
    const real = parseFloat64(text.slice(0, match.index));
    const imaginary = parseFloat64(text.slice(match.index, -1));
    if (real !== undefined && imaginary !== undefined) return fromComplex(text, { real, imaginary });
  }
  return complexFailure(text);
}

/** Go scans the two parts one after the other and names the first that is no float. */
function complexFailure(text: string): string {
  const part = /^[+-]?[0-9_]*(?:\.[0-9_]*)?(?:[eEpP][+-]?[0-9_]*)?/;
  const real = part.exec(text)?.[0] ?? "";
  const imaginary = part.exec(text.slice(real.length))?.[0] ?? "";
  const wrong = parseFloat64(real) === undefined ? real : imaginary;
  return `strconv.ParseFloat: parsing ${quote(wrong)}: invalid syntax`;
}

function fromComplex(text: string, complex: { readonly real: number; readonly imaginary: number }): Constant {
  if (complex.imaginary !== 0) return { text, int: undefined, uint: undefined, float: undefined, complex };
  return { ...integersOf(complex.real), text, float: complex.real, complex };
}

function realConstant(text: string): Constant | string {
  const value = parseInteger(text);
  const int = value !== undefined && value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined;
  const uint =
    value !== undefined && value >= 0n && value < 2n ** 64n && (value === 0n || !/^[+-]/.test(text))
      ? value
      : undefined;
  if (int !== undefined || uint !== undefined) {
    return { text, int, uint, float: Number(int ?? uint), complex: undefined };
  }
  const float = parseFloat64(text);
  if (float === undefined) return `illegal number syntax: ${quote(text)}`;
  if (!/[.eEpP]/.test(text)) return `integer overflow: ${quote(text)}`;
  return { ...integersOf(float), text, float, complex: undefined };
}

function integersOf(float: number): { readonly int: bigint | undefined; readonly uint: bigint | undefined } {
  if (!Number.isInteger(float)) return { int: undefined, uint: undefined };
  const value = BigInt(float);
  return {
    int: value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined,
    uint: value >= 0n && value < 2n ** 64n ? value : undefined,
  };
}

function parseInteger(text: string): bigint | undefined {
  if (!integer.test(text)) return undefined;
  const digits = text.replace(/^[+-]/, "").replaceAll("_", "").toLowerCase();
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return text.startsWith("-") ? -value : value;
}

/** Go's `strconv.ParseFloat` of what the lexer lets through; `undefined`: no float, or out of range. */
function parseFloat64(text: string): number | undefined {
  const hex = hexFloat.exec(text);
  const value = hex === null ? decimalValue(text) : hexValue(hex);
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

function decimalValue(text: string): number | undefined {
  return decimal.test(text) ? Number(text.replaceAll("_", "")) : undefined;
}

function hexValue([, sign, whole = "", fraction = "", exponent]: readonly string[]): number | undefined {
  const digits = whole.replaceAll("_", "") + fraction;
  if (digits === "") return undefined;
  const value = Number(BigInt(`0x${digits}`)) * 2 ** (Number(exponent) - 4 * fraction.length);
  return sign === "-" ? -value : value;
}
