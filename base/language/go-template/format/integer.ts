import { pad, type Flags } from "./flags.ts";
import { isPrint } from "./quote.ts";

/** An integer in a base, by fmt's rules for sign, precision, zero padding and prefixes. `verb` is one of `dboOxX`. */
export function formatInteger(value: bigint, verb: string, flags: Flags): string {
  if (verb === "d" && flags.precision === undefined && !flags.sharp && !flags.plus && !flags.space && value >= 0n) {
    return pad(value.toString(), flags);
  }
  const base = verb === "b" ? 2 : verb === "o" || verb === "O" ? 8 : verb === "x" || verb === "X" ? 16 : 10;
  const negative = value < 0n;
  if (flags.precision === 0 && value === 0n) return " ".repeat(flags.width ?? 0);
  let digits = (negative ? -value : value).toString(base);
  let least = flags.precision ?? 0;
  if (flags.precision === undefined && flags.zero && !flags.minus && flags.width !== undefined) {
    least = negative || flags.plus || flags.space ? flags.width - 1 : flags.width;
  }
  digits = digits.padStart(least, "0");
  if (flags.sharp) digits = withPrefix(digits, base);
  if (verb === "O") digits = `0o${digits}`;
  if (verb === "X") digits = digits.toUpperCase();
  const sign = negative ? "-" : flags.plus ? "+" : flags.space ? " " : "";
  return pad(sign + digits, { ...flags, zero: false });
}

function withPrefix(digits: string, base: number): string {
  if (base === 2) return `0b${digits}`;
  if (base === 16) return `0x${digits}`;
  return base === 8 && !digits.startsWith("0") ? `0${digits}` : digits;
}

/** `%c`; what is no character becomes U+FFFD. */
export function characterOf(value: bigint): string {
  if (value < 0n || value > 0x10ffffn || (value >= 0xd800n && value <= 0xdfffn)) return "\ufffd";
  return String.fromCodePoint(Number(value));
}

/** `%U`; with `#` the character too. */
export function formatUnicode(value: bigint, flags: Flags): string {
  const digits = BigInt.asUintN(64, value)
    .toString(16)
    .toUpperCase()
    .padStart(Math.max(4, flags.precision ?? 0), "0");
  const code = `U+${digits}`;
  const character = characterOf(value);
  const shown =
    flags.sharp && value >= 0n && value <= 0x10ffffn && isPrint(character) ? `${code} '${character}'` : code;
  return pad(shown, { ...flags, zero: false });
}
