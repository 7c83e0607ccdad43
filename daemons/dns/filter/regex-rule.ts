import type { RE2JS } from "re2js";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { compilePattern } from "#base/language/pattern.ts";
import { ipv4Bytes, ipv6Bytes } from "#base/protocol/dns/address.ts";
import { typeNumber } from "../packet/type-name.ts";

/** How a blocked question is answered where a rule says so itself. */
export type BlockReply =
  | { readonly kind: "null" | "nodata" | "nxdomain" | "refused" | "none" }
  | { readonly kind: "ip"; readonly address: string };

export interface RegexRule {
  readonly pattern: RE2JS;
  /** Holds where the pattern does not match. */
  readonly invert: boolean;
  /** Types it is about; undefined: all. */
  readonly types: ReadonlySet<number> | undefined;
  /** It is about all types but those. */
  readonly exceptTypes: boolean;
  readonly reply: BlockReply | undefined;
}

const REPLIES: Readonly<Record<string, BlockReply>> = {
  nodata: { kind: "nodata" },
  nxdomain: { kind: "nxdomain" },
  refused: { kind: "refused" },
  none: { kind: "none" },
  ip: { kind: "null" },
  null: { kind: "null" },
};

/** `pattern;querytype=A,AAAA;invert;reply=nxdomain` (https://docs.pi-hole.net/regex/pi-hole/), for the linear-time engine. */
export function readRegexRule(text: string): Result<RegexRule> {
  const [source = "", ...extensions] = text.split(";");
  const pattern = compilePattern(`(?i)${source}`);
  if (!pattern.ok) return pattern;
  let invert = false;
  let types: ReadonlySet<number> | undefined;
  let exceptTypes = false;
  let reply: BlockReply | undefined;
  for (const extension of extensions) {
    const [key = "", value = ""] = extension.trim().split("=", 2);
    if (key === "invert") invert = true;
    else if (key === "querytype") {
      exceptTypes = value.startsWith("!");
      const names = value.replace(/^!/, "").split(",");
      const numbers = names.map((name) => typeNumber(name.trim()));
      if (numbers.includes(undefined))
        return fail("dns_rule", `${JSON.stringify(text)}: ${value} is no type of record`);
      types = new Set(numbers.filter((number) => number !== undefined));
    } else if (key === "reply") {
      reply = readReply(value);
      if (reply === undefined)
        return fail(
          "dns_rule",
          `${JSON.stringify(text)}: reply=${value} is not known`,
          "nodata, nxdomain, refused, none, ip, or an address",
        );
    } else
      return fail("dns_rule", `${JSON.stringify(text)}: ;${key} is not known`, ";querytype=, ;invert and ;reply= are");
  }
  return succeed({ pattern: pattern.value, invert, types, exceptTypes, reply });
}

export function regexMatches(rule: RegexRule, name: string, type: number): boolean {
  if (rule.types !== undefined && rule.types.has(type) === rule.exceptTypes) return false;
  return rule.pattern.matcher(name).find() !== rule.invert;
}

function readReply(text: string): BlockReply | undefined {
  const address = text.trim();
  if (ipv4Bytes(address) !== undefined || ipv6Bytes(address) !== undefined) return { kind: "ip", address };
  return REPLIES[address.toLowerCase()];
}
