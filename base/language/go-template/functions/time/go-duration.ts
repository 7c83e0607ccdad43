import { fail, succeed, type Result } from "#base/env/errors.ts";
import { quoteBytes } from "./quote-bytes.ts";

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  "\u00B5s": 1_000n,
  "\u03BCs": 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const MAX_NS = 2n ** 63n;

/** `time.ParseDuration`, exact to the nanosecond (https://pkg.go.dev/time#ParseDuration). */
export function parseGoDuration(text: string): Result<bigint> {
  const invalid = fail("bad_duration", `time: invalid duration ${quoteBytes(text)}`);
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return succeed(0n);
  let total = 0n;
  let at = 0;
  while (at < rest.length) {
    const [number = "", whole = "", fraction = ""] = /^(\d*)(?:\.(\d*))?/.exec(rest.slice(at)) ?? [];
    if (whole === "" && fraction === "") return invalid;
    at += number.length;
    const unit = /^[^\d.]*/.exec(rest.slice(at))?.[0] ?? "";
    if (unit === "") return fail("bad_duration", `time: missing unit in duration ${quoteBytes(text)}`);
    const scale = UNITS[unit];
    if (scale === undefined)
      return fail("bad_duration", `time: unknown unit ${quoteBytes(unit)} in duration ${quoteBytes(text)}`);
    at += unit.length;
    const digits = fraction.slice(0, 18);
    total += BigInt(whole || "0") * scale + (BigInt(digits || "0") * scale) / 10n ** BigInt(digits.length);
    if (total > MAX_NS) return invalid;
  }
  if (rest === "" || (sign !== "-" && total === MAX_NS)) return invalid;
  return succeed(sign === "-" ? -total : total);
}

/** As Go prints a duration: `1h30m0s`, `1.5s`, `250ms`, `0s`. */
export function formatGoDuration(ns: bigint): string {
  const sign = ns < 0n ? "-" : "";
  const all = ns < 0n ? -ns : ns;
  if (all === 0n) return "0s";
  if (all < 1_000n) return `${sign}${all}ns`;
  if (all < 1_000_000n) return `${sign}${decimal(all, 3)}\u00B5s`;
  if (all < 1_000_000_000n) return `${sign}${decimal(all, 6)}ms`;
  const minutes = all / 60_000_000_000n;
  const seconds = `${decimal(all % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return sign + seconds;
  const hours = minutes / 60n;
  return hours === 0n ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, "0");
  const fraction = text.slice(-digits).replace(/0+$/, "");
  return fraction === "" ? text.slice(0, -digits) : `${text.slice(0, -digits)}.${fraction}`;
}
