import { fail, succeed, type Result } from "#base/env/errors.ts";
import { decodeDomains, encodeDomains } from "./domain-list.ts";
import { formatIpv4, ipv4Bytes, parseIpv4, readIpv4 } from "./ipv4.ts";
import type { OptionKind } from "./option-table.ts";
import { decodeRoutes, encodeRoutes } from "./classless-routes.ts";

/** As it stands in a configuration. */
export type OptionSetting = string | number | boolean | readonly (string | number)[];

const INTEGERS: Readonly<Record<string, { readonly bytes: number; readonly min: number; readonly max: number }>> = {
  u8: { bytes: 1, min: 0, max: 255 },
  u16: { bytes: 2, min: 0, max: 65_535 },
  u32: { bytes: 4, min: 0, max: 0xff_ff_ff_ff },
  i32: { bytes: 4, min: -0x80_00_00_00, max: 0x7f_ff_ff_ff },
};

/** The bytes of a value from a configuration; the failure says what was expected. */
export function encodeOption(kind: OptionKind, setting: OptionSetting): Result<Uint8Array> {
  const items: readonly (string | number | boolean)[] =
    typeof setting === "object" ? setting : kind === "text" ? [setting] : splitList(setting);
  switch (kind) {
    case "ip":
      return items.length === 1 ? addresses(items) : expected(setting, "one IPv4 address");
    case "ips":
      return items.length > 0 ? addresses(items) : expected(setting, "IPv4 addresses");
    case "pairs":
      return items.length > 0 && items.length % 2 === 0 ? addresses(items) : expected(setting, "addresses in pairs");
    case "u8":
    case "u16":
    case "u32":
    case "i32":
      return items.length === 1 ? integers(kind, items) : expected(setting, "one number");
    case "u16s":
      return integers("u16", items);
    case "bool":
      return bool(setting);
    case "flag":
      return succeed(new Uint8Array());
    case "text":
      return text(items);
    case "bytes":
      return hexBytes(items);
    case "domains":
      return encodeDomains(items.map(String));
    case "routes":
      return encodeRoutes(items.map(String));
    default:
      return kind satisfies never;
  }
}

/** For people; hexadecimal where it does not read as its kind. */
export function showOption(kind: OptionKind, bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  const { length } = bytes;
  switch (kind) {
    case "ip":
    case "ips":
    case "pairs":
      return length % 4 === 0
        ? Array.from({ length: length / 4 }, (_, i) => formatIpv4(readIpv4(bytes, i * 4))).join(", ")
        : hex;
    case "u8":
    case "bool":
      return length === 1 ? String(bytes[0]) : hex;
    case "u16":
    case "u16s":
      return length % 2 === 0
        ? Array.from({ length: length / 2 }, (_, i) => ((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0)).join(", ")
        : hex;
    case "u32":
      return length === 4 ? String(readIpv4(bytes, 0)) : hex;
    case "i32":
      return length === 4 ? String(readIpv4(bytes, 0) | 0) : hex;
    case "flag":
      return "yes";
    case "text":
      return /^[\x20-\x7e]*\0?$/.test(Buffer.from(bytes).toString("latin1"))
        ? Buffer.from(bytes).toString("latin1").replace(/\0$/, "")
        : hex;
    case "bytes":
      return hex;
    case "domains":
      return decodeDomains(bytes)?.join(", ") ?? hex;
    case "routes":
      return decodeRoutes(bytes)?.join(", ") ?? hex;
    default:
      return kind satisfies never;
  }
}

/** A string may hold several values, with commas between them. */
function splitList(setting: string | number | boolean): readonly (string | number | boolean)[] {
  return typeof setting === "string"
    ? setting
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "")
    : [setting];
}

function addresses(items: readonly (string | number | boolean)[]): Result<Uint8Array> {
  const parsed: number[] = [];
  for (const item of items) {
    const ip = parseIpv4(String(item));
    if (ip === undefined) return expected(item, "an IPv4 address such as 192.168.1.1");
    parsed.push(ip);
  }
  return succeed(ipv4Bytes(...parsed));
}

function integers(kind: string, items: readonly (string | number | boolean)[]): Result<Uint8Array> {
  const shape = INTEGERS[kind];
  if (shape === undefined) return expected(kind, "a kind of number");
  const bytes = new Uint8Array(items.length * shape.bytes);
  const view = new DataView(bytes.buffer);
  for (const [i, item] of items.entries()) {
    const number = typeof item === "boolean" || item === "" ? NaN : Number(item);
    if (!Number.isInteger(number) || number < shape.min || number > shape.max)
      return expected(item, `a whole number from ${shape.min} to ${shape.max}`);
    if (shape.bytes === 1) view.setUint8(i, number);
    else if (shape.bytes === 2) view.setUint16(i * 2, number);
    else view.setInt32(i * 4, number | 0);
  }
  return succeed(bytes);
}

function bool(setting: OptionSetting): Result<Uint8Array> {
  const word = String(setting).toLowerCase();
  if (["true", "1", "yes", "on"].includes(word)) return succeed(Uint8Array.of(1));
  if (["false", "0", "no", "off"].includes(word)) return succeed(Uint8Array.of(0));
  return expected(setting, "true or false");
}

function text(items: readonly (string | number | boolean)[]): Result<Uint8Array> {
  const value = items.join(",");
  // RFC 2132 §2: a text option has at least one byte and no NUL at its end.
  return value === "" || value.includes("\0")
    ? expected(value, "text without NUL, at least one byte")
    : succeed(Buffer.from(value, "utf8"));
}

/** `01:02:ff`, `0102ff` or `"plain text"` between quotes. */
function hexBytes(items: readonly (string | number | boolean)[]): Result<Uint8Array> {
  const given = items.join(",");
  const quoted = /^"(.*)"$/s.exec(given)?.[1];
  if (quoted !== undefined) return succeed(Buffer.from(quoted, "utf8"));
  const digits = given.replace(/^(?:0x|hex:)/i, "").replaceAll(/[:\s-]/g, "");
  return /^(?:[0-9a-f]{2})+$/i.test(digits)
    ? succeed(Buffer.from(digits, "hex"))
    : expected(given, "hexadecimal digits in pairs such as 01:02:ff, or text between quotes");
}

function expected(found: OptionSetting, what: string): ReturnType<typeof fail> {
  return fail("bad_option", `"${String(found)}" is not what was expected: ${what}`);
}
