import { parseDuration } from "#base/language/duration.ts";
import { compilePattern } from "#base/language/pattern.ts";

/** The value, or what was expected instead. */
export type Word<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string };

const HOST = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/;
const MAX_HOST = 253;
const PATH = /^\/[A-Za-z0-9/._~%:@+,=;!$&*-]*$/;
const TOKEN = /^[A-Za-z0-9_.-]+$/;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;
const MAX_TEXT = 1024;
const MAX_REGEX = 256;
const NANOSECONDS_PER_MS = 1e6;
const DAY_MS = 86_400_000;

export const good = <T>(value: T): Word<T> => ({ ok: true, value });
export const bad = (expected: string): { readonly ok: false; readonly expected: string } => ({ ok: false, expected });

/** Empty or `*`: any; `*.name`: all below. */
export function readHost(text: string): Word<{ readonly hostKind: "any" | "exact" | "below"; readonly host: string }> {
  const lower = text.toLowerCase().replace(/\.$/, "");
  if (lower === "" || lower === "*") return good({ hostKind: "any", host: "" });
  const below = lower.startsWith("*.");
  const host = below ? lower.slice(2) : lower;
  if (host.length > MAX_HOST || !HOST.test(host)) return bad("a host name, or *.name for all below it");
  return good({ hostKind: below ? "below" : "exact", host });
}

export function readPath(text: string): Word<string> {
  if (text.length > MAX_TEXT || !PATH.test(text))
    return bad('a path that starts with "/" and has letters, digits and . _ ~ % : @ + , = ; ! $ & * -');
  return good(text);
}

/** For a list in the cluster's store, a cookie, a CA. */
export function readName(text: string): Word<string> {
  return NAME.test(text) ? good(text) : bad("a name of letters, digits, . _ and -, at most 64");
}

export function readToken(text: string): Word<string> {
  return text.length <= 256 && TOKEN.test(text) ? good(text) : bad("a name as HTTP has them");
}

/** One line of printable text. */
export function readText(text: string): Word<string> {
  // A word of its own to HAProxy even in quotes.
  if (text === "{" || text === "}") return bad("more than a brace");
  // eslint-disable-next-line no-control-regex -- these are what is refused
  if (text.length > MAX_TEXT || /[\u0000-\u001f\u007f]/.test(text))
    return bad(`one line of at most ${MAX_TEXT} printable characters`);
  return good(text);
}

/** What both the linear-time engine and HAProxy's take: no look-around, no back references. */
export function readRegex(text: string): Word<string> {
  const line = readText(text);
  if (!line.ok) return line;
  if (text === "" || text.length > MAX_REGEX) return bad(`a regular expression of 1 to ${MAX_REGEX} characters`);
  const compiled = compilePattern(text);
  return compiled.ok ? good(text) : bad(`a regular expression: ${compiled.error.message}`);
}

export function readNumber(text: string, least: number, most: number): Word<number> {
  const number = Number(text);
  return /^\d{1,12}$/.test(text) && number >= least && number <= most
    ? good(number)
    : bad(`a whole number from ${least} to ${most}`);
}

/** `10s`, `1m30s`, or seconds as a plain number. In milliseconds. */
export function readMs(text: string): Word<number> {
  const found = /^\d{1,6}$/.test(text) ? Number(text) * 1e9 : parseDuration(text);
  const ms = found === undefined ? -1 : Math.round(found / NANOSECONDS_PER_MS);
  return ms >= 1 && ms <= DAY_MS ? good(ms) : bad("a duration from 1ms to 24h, as in 10s");
}

export function readSwitch(text: string): Word<boolean> {
  if (["true", "1", "yes", "on", ""].includes(text.toLowerCase())) return good(true);
  if (["false", "0", "no", "off"].includes(text.toLowerCase())) return good(false);
  return bad("true or false");
}

/** `0.25` or `25%`; 0 to 1. */
export function readPart(text: string): Word<number> {
  const match = /^(\d{1,3}(?:\.\d{1,6})?)(%?)$/.exec(text);
  const value = Number(match?.[1]) / (match?.[2] === "%" ? 100 : 1);
  return match !== null && value <= 1 ? good(value) : bad("a share from 0 to 1, or from 0% to 100%");
}

/** An address or a network in CIDR notation. */
export function readNetwork(text: string): Word<string> {
  const [address = "", bits, more] = text.split("/");
  const v4 = isIpv4(address);
  const most = v4 ? 32 : 128;
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
  return more === undefined && fits && (v4 || isIpv6(address))
    ? good(text)
    : bad("an IP address or a network such as 10.0.0.0/8");
}

export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

export function isIpv6(text: string): boolean {
  return text.includes(":") && /^[0-9A-Fa-f:.]{2,45}$/.test(text) && URL.canParse(`http://[${text}]/`);
}

/** Each part of a list by one reader; the first that is wrong decides. */
export function readList<T>(text: string, one: (part: string) => Word<T>): Word<readonly T[]> {
  const values: T[] = [];
  for (const part of text.split(",").map((word) => word.trim())) {
    if (part === "") continue;
    const read = one(part);
    if (!read.ok) return bad(`${read.expected}; ${JSON.stringify(part)} is none`);
    values.push(read.value);
  }
  return values.length === 0 ? bad("a list parted by commas") : good(values);
}
