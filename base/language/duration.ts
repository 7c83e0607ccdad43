import { fail, succeed, type Result } from "#base/env/errors.ts";

const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  "\u00B5s": 1e3,
  "\u03BCs": 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const WHOLE = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|\u00B5s|\u03BCs|ms|s|m|h))+$/;
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00B5s|\u03BCs|ms|s|m|h)/g;
const LONGEST_TEXT = 100;
/** int64, in nanoseconds: some 292 years. */
const MAX_NS = 2 ** 63;
const HINT = 'a duration is a number with a unit, for example "30s", "5m", "1h30m" or "250ms"';

/** Text as Go's `time.ParseDuration` has it → nanoseconds. `0` needs no unit; days do not exist. */
export function readDuration(text: string): Result<number> {
  if (text === "0" || text === "+0" || text === "-0") return succeed(0);
  if (text.length > LONGEST_TEXT || !WHOLE.test(text))
    return fail("bad_duration", `${JSON.stringify(text)} is no duration`, hintFor(text));
  let total = 0;
  for (const [, number = "", unit = ""] of text.matchAll(PART)) total += Number(number) * (UNITS[unit] ?? 0);
  if (total >= MAX_NS) return fail("bad_duration", `the duration ${text} is too long`, "the longest is 292 years");
  const nanoseconds = Math.trunc(total);
  return succeed(text.startsWith("-") ? -nanoseconds || 0 : nanoseconds);
}

/** The same, for callers that have a message of their own: undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const read = readDuration(text);
  return read.ok ? read.value : undefined;
}

/** Nanoseconds → text as Go prints them: `1h30m0s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  const sign = nanoseconds < 0 ? "-" : "";
  const all = BigInt(Math.abs(Math.trunc(nanoseconds)));
  if (all < 1_000n) return `${sign}${all}ns`;
  if (all < 1_000_000n) return `${sign}${decimal(all, 3)}\u00B5s`;
  if (all < 1_000_000_000n) return `${sign}${decimal(all, 6)}ms`;
  const minute = 60_000_000_000n;
  const hours = all / (60n * minute);
  const minutes = (all / minute) % 60n;
  const seconds = `${decimal(all % minute, 9)}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

function decimal(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, "0");
  const fraction = text.slice(-digits).replace(/0+$/, "");
  return fraction === "" ? text.slice(0, -digits) : `${text.slice(0, -digits)}.${fraction}`;
}

function hintFor(text: string): string {
  if (/^\d+$/.test(text)) return `the unit is missing: did you mean "${text}s"? ${HINT}`;
  const days = /^(\d+)d$/.exec(text);
  return days === null ? HINT : `there is no unit for days: write "${Number(days[1]) * 24}h"`;
}
