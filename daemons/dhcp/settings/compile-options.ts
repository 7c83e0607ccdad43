import { fail, succeed, type Result } from "#base/env/errors.ts";
import { nearest } from "#base/language/nearest.ts";
import { parseIpv4 } from "../packet/ipv4.ts";
import {
  MESSAGE_TYPE,
  OVERLOAD,
  PARAMETER_LIST,
  RELAY_INFO,
  REQUESTED_ADDRESS,
  SERVER_ID,
} from "../packet/option-codes.ts";
import { OPTION_KINDS, OPTION_NAMES, optionCoded, optionNamed, type OptionRow } from "../packet/option-table.ts";
import { encodeOption, type OptionSetting } from "../packet/option-value.ts";
import { SELF, type OptionEntry, type OptionSet } from "./settings.ts";

/** The server's own business in every reply. */
const NOT_SETTABLE = [MESSAGE_TYPE, SERVER_ID, OVERLOAD, REQUESTED_ADDRESS, PARAMETER_LIST, RELAY_INFO];

export function compileOptions(
  given: Readonly<Record<string, OptionSetting>>,
  force: readonly string[],
): Result<OptionSet> {
  const entries = new Map<number, OptionEntry>();
  for (const [key, setting] of Object.entries(given)) {
    const row = rowOf(key);
    if (!row.ok) return row;
    const value = valueOf(row.value, setting);
    if (!value.ok) return fail("bad_settings", `option ${key}: ${value.error.message}`);
    entries.set(row.value.code, { code: row.value.code, value: value.value });
  }
  const forced = new Set<number>();
  for (const key of force) {
    const row = rowOf(key);
    if (!row.ok) return row;
    forced.add(row.value.code);
  }
  return succeed({ entries, forced });
}

/** `router`, `3` or `3:ips`. */
function rowOf(key: string): Result<OptionRow> {
  const [name = "", kindText, ...more] = key.split(":");
  const named = /^[0-9]+$/.test(name) ? optionOfCode(Number(name)) : optionNamed(name);
  const kind = OPTION_KINDS.find((each) => each === kindText);
  if (named === undefined || more.length > 0) {
    const guess = nearest(name, OPTION_NAMES);
    return fail(
      "bad_settings",
      `there is no DHCP option "${key}"`,
      guess === undefined ? "a name, a code from 1 to 254, or CODE:KIND is expected" : `did you mean "${guess}"?`,
    );
  }
  if (kindText !== undefined && kind === undefined)
    return fail("bad_settings", `option ${key}: "${kindText}" is no kind`, `kinds are ${OPTION_KINDS.join(", ")}`);
  if (NOT_SETTABLE.includes(named.code))
    return fail("bad_settings", `option ${key} is the server's own to set`, "leave it out");
  return succeed(kind === undefined ? named : { ...named, kind });
}

function optionOfCode(code: number): OptionRow | undefined {
  return code >= 1 && code <= 254 ? optionCoded(code) : undefined;
}

function valueOf({ kind }: OptionRow, setting: OptionSetting): Result<OptionEntry["value"]> {
  const items = typeof setting === "object" ? setting : String(setting).split(",");
  const names = items.map((item) => String(item).trim());
  if ((kind !== "ips" && kind !== "ip") || !names.includes(SELF)) return encodeOption(kind, setting);
  const mixed: (number | typeof SELF)[] = [];
  for (const name of names) {
    const ip = name === SELF ? SELF : parseIpv4(name);
    if (ip === undefined) return fail("bad_option", `"${name}" is neither an IPv4 address nor "self"`);
    mixed.push(ip);
  }
  return succeed(mixed);
}
