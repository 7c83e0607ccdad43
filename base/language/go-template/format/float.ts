import { roundToDigits, roundToPlaces, shortestDecimal, split, type Decimal } from "./decimal.ts";
import { pad, type Flags } from "./flags.ts";

/** Exponent from which `%g` without a precision is written with one (strconv.FormatFloat). */
const SHORTEST_LIMIT = 6;

export interface FloatOptions {
  /** One of `eEfFgGxXb`. */
  readonly verb: string;
  /** -1: as many digits as needed to read the same number back. */
  readonly precision: number;
  readonly single: boolean;
}

/** Go's `strconv.FormatFloat`. */
export function formatFloat(value: number, options: FloatOptions): string {
  if (Number.isNaN(value)) return "NaN";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  if (size === Infinity) return value > 0 ? "+Inf" : "-Inf";
  return sign + formatSize(size, options);
}

/** `%v` of a float64 without flags. */
export function floatText(value: number): string {
  // Small whole numbers are written alike in both languages.
  if (Number.isInteger(value) && Math.abs(value) < 1e6 && !Object.is(value, -0)) return String(value);
  return formatFloat(value, { verb: "g", precision: -1, single: false });
}

function formatSize(size: number, { verb, precision, single }: FloatOptions): string {
  const upper = verb === "E" || verb === "G" || verb === "X";
  const kind = verb.toLowerCase();
  const text =
    kind === "b"
      ? binary(size, single)
      : kind === "x"
        ? hexadecimal(size, precision)
        : kind === "e"
          ? scientific(size, precision, single)
          : kind === "f"
            ? fixedPoint(size, precision, single)
            : general(size, precision, single);
  return upper ? text.toUpperCase() : text;
}

function scientific(size: number, precision: number, single: boolean): string {
  if (precision < 0) return exponential(shortestDecimal(size, single), -1);
  return exponential(roundToDigits(size, precision + 1), precision);
}

function fixedPoint(size: number, precision: number, single: boolean): string {
  if (precision >= 0) return plainDigits(roundToPlaces(size, precision), precision);
  const decimal = shortestDecimal(size, single);
  return plainDigits(decimal, Math.max(decimal.digits.length - decimal.point, 0));
}

function general(size: number, precision: number, single: boolean): string {
  const shortest = precision < 0;
  const wanted = precision === 0 ? 1 : precision;
  const decimal = shortest ? shortestDecimal(size, single) : roundToDigits(size, wanted);
  const count = decimal.digits.length;
  let limit = wanted;
  if (limit > count && count >= decimal.point) limit = count;
  if (shortest) limit = SHORTEST_LIMIT;
  const exponent = decimal.point - 1;
  if (exponent < -4 || exponent >= limit) return exponential(decimal, count - 1);
  return plainDigits(decimal, Math.max(count - decimal.point, 0));
}

/** `d.ddde±dd`; places below 0: as many as there are. */
function exponential({ digits, point }: Decimal, places: number): string {
  const rest = digits.slice(1).padEnd(Math.max(places, 0), "0");
  const exponent = digits === "" ? 0 : point - 1;
  const shown = Math.abs(exponent).toString().padStart(2, "0");
  return `${digits[0] ?? "0"}${rest === "" ? "" : `.${rest}`}e${exponent < 0 ? "-" : "+"}${shown}`;
}

function plainDigits({ digits, point }: Decimal, places: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "0";
  if (places <= 0) return whole;
  const fraction = (point > 0 ? digits.slice(point) : "0".repeat(-point) + digits).padEnd(places, "0").slice(0, places);
  return `${whole}.${fraction}`;
}

/** Mantissa and exponent of two, as they are stored. */
function binary(size: number, single: boolean): string {
  const { mantissa, exponent } = split(size);
  const shifted = single ? { mantissa: mantissa >> 29n, exponent: exponent + 29 } : { mantissa, exponent };
  return `${shifted.mantissa}p${shifted.exponent < 0 ? "" : "+"}${shifted.exponent}`;
}

/** `0x1.8p+01`. */
function hexadecimal(size: number, precision: number): string {
  const parts = split(size);
  if (parts.mantissa === 0n) return `0x0${precision > 0 ? `.${"0".repeat(precision)}` : ""}p+00`;
  const bits = parts.mantissa.toString(2).length;
  let exponent = parts.exponent + bits - 1;
  // One digit before the point, 13 after it.
  let mantissa = parts.mantissa << BigInt(53 - bits);
  if (precision >= 0 && precision < 13) {
    const drop = BigInt(4 * (13 - precision));
    const half = 1n << (drop - 1n);
    const low = mantissa & ((1n << drop) - 1n);
    mantissa >>= drop;
    if (low > half || (low === half && mantissa % 2n === 1n)) mantissa++;
    mantissa <<= drop;
    if (mantissa >> 53n > 0n) {
      mantissa >>= 1n;
      exponent++;
    }
  }
  const all = mantissa.toString(16);
  const fraction =
    precision < 0 ? all.slice(1).replace(/0+$/, "") : all.slice(1).padEnd(precision, "0").slice(0, precision);
  const shown = Math.abs(exponent).toString().padStart(2, "0");
  return `0x${all[0] ?? "0"}${fraction === "" ? "" : `.${fraction}`}p${exponent < 0 ? "-" : "+"}${shown}`;
}

/** A float under a verb of fmt, with its flags. */
export function formatFloatVerb(value: number, flags: Flags, options: FloatOptions): string {
  const precision = flags.precision ?? options.precision;
  let text = formatFloat(value, { ...options, precision });
  if (!/^[+-]/.test(text)) text = `+${text}`;
  if (flags.space && text.startsWith("+") && !flags.plus) text = ` ${text.slice(1)}`;
  if (/^.(Inf|NaN)/.test(text)) {
    // No number, so no zeros before it; NaN has a sign only when asked for.
    if (text[1] === "N" && !flags.space && !flags.plus) text = text.slice(1);
    return pad(text, { ...flags, zero: false });
  }
  if (flags.sharp && options.verb !== "b") text = withPoint(text, options.verb, precision);
  if (!flags.plus && text.startsWith("+")) return pad(text.slice(1), flags);
  if (flags.zero && !flags.minus && flags.width !== undefined && flags.width > text.length) {
    return text.charAt(0) + "0".repeat(flags.width - text.length) + text.slice(1);
  }
  return pad(text, { ...flags, zero: false });
}

/** The `#` flag: always a decimal point, and for %g the zeros at the end. */
function withPoint(text: string, verb: string, precision: number): string {
  const general = /[gGx]/.test(verb);
  const match = /^(.)(0[xX][0-9a-fA-F.]*|[0-9.]*)((?:[eEpP][+-]\d+)?)$/.exec(text);
  const [, sign = "", number = "", tail = ""] = match ?? [];
  let digits = general ? (precision === -1 ? 6 : precision) : 0;
  let seen = false;
  for (const each of number) {
    if (each === ".") continue;
    if (each !== "0") seen = true;
    if (seen) digits--;
  }
  const point = number.includes(".") ? "" : ".";
  if (point !== "" && number === "0" && general) digits--;
  return sign + number + point + (general && digits > 0 ? "0".repeat(digits) : "") + tail;
}
