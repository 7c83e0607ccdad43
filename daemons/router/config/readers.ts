import { texts } from "#base/language/hcl/decode/readers.ts";
import type { Reader, Reading } from "#base/language/hcl/decode/table.ts";
import { isList, typeName, type Value } from "#base/language/hcl/evaluate/value.ts";
import { didYouMean } from "#base/language/nearest.ts";
import { formatCidr, formatIp, networkOf, parseCidr, parseCidrOrIp, parseIp } from "../address/ip.ts";

/** IFNAMSIZ is 16 with the closing zero (linux/if.h); what a shell or a file name could misread is left out. */
const INTERFACE = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
/** Of blocks: they become part of interface and chain names, with a prefix of up to four characters. */
const NAME = /^[a-z][a-z0-9_]{0,10}$/;
const MOST_PORT = 65_535;
const MOST_KBIT = 100_000_000;

export const interfaceName = pattern(INTERFACE, 'the name of a network interface such as "eth0"');
export const host = pattern(
  /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?$/,
  'a host name such as "home.example.org"',
);
export const path = pattern(/^\/[^\0\n]*$/, "an absolute path");
/** An item of one of the cluster's variables. */
export const variableItem = pattern(
  /^[A-Za-z0-9_~-]+(\/[A-Za-z0-9_~-]+)*#[A-Za-z0-9_.-]+$/,
  'the path of a variable and an item of it, such as "nomad/jobs/router#password"',
);
export const line = pattern(/^[^\p{Cc}]{1,512}$/u, "one line of text");
/** A key of 32 bytes (wg(8)). */
export const wireguardKey = pattern(
  /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/,
  "a WireGuard key (44 characters of base64)",
);

export const mac: Reader = (value) => {
  const text = typeof value === "string" ? value.toLowerCase().replaceAll("-", ":") : "";
  return MAC.test(text) ? { value: text } : wrong('a hardware address such as "52:54:00:12:34:56"', value);
};

export const address: Reader = (value) => {
  const ip = typeof value === "string" ? parseIp(value) : undefined;
  return ip === undefined ? wrong('an address such as "192.168.1.10"', value) : { value: formatIp(ip) };
};

export const addresses = listOf(address);

/** The address of an interface with the length of its network: host bits are kept. */
export const hostAddress: Reader = (value) => {
  const cidr = typeof value === "string" ? parseCidr(value) : undefined;
  if (cidr === undefined) return wrong('an address with the length of its network, such as "192.168.1.1/24"', value);
  const isNetwork = networkOf(cidr).value === cidr.value && cidr.length < (cidr.family === 4 ? 31 : 127);
  if (!isNetwork) return { value: formatCidr(cidr) };
  return {
    message: `${formatCidr(cidr)} is a network, not an address in it`,
    hint: `for the first address write ${JSON.stringify(formatCidr({ ...cidr, value: cidr.value + 1n }))}`,
  };
};

/** A network: host bits must be clear. */
export const network: Reader = (value) => {
  const cidr = typeof value === "string" ? parseCidrOrIp(value) : undefined;
  if (cidr === undefined) return wrong('a network such as "10.0.0.0/8", or an address', value);
  if (networkOf(cidr).value === cidr.value) return { value: formatCidr(cidr) };
  return {
    message: `${formatCidr(cidr)} is an address in a network, not a network`,
    hint: `write ${JSON.stringify(formatCidr(networkOf(cidr)))}`,
  };
};

export const networks = listOf(network);

/** `443`, `"443"` or `"8000-8010"` → `[from, to]`. */
export const ports: Reader = (value) => {
  const [, from, to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(plainText(value)) ?? [];
  const range = [Number(from), Number(to ?? from)] as const;
  if (from !== undefined && range[0] >= 1 && range[1] <= MOST_PORT && range[0] <= range[1]) return { value: range };
  return wrong('a port such as 443 or a range such as "8000-8010"', value);
};

export const portList = listOf(ports);

/** `"40mbit"` → kilobits per second. */
export const rate: Reader = (value) => {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?(k|m|g)bit$/i.exec(plainText(value)) ?? [];
  const factor = { k: 1, m: 1000, g: 1_000_000 }[unit?.toLowerCase() ?? ""] ?? 0;
  const kbit = Math.round(Number(digits) * factor);
  return kbit >= 1 && kbit <= MOST_KBIT ? { value: kbit } : wrong('a rate such as "40mbit"', value);
};

export function between(least: number, most: number): Reader {
  return (value) => {
    const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
    if (typeof number === "number" && Number.isInteger(number) && number >= least && number <= most)
      return { value: number };
    return wrong(`a whole number from ${least} to ${most}`, value);
  };
}

export function oneOf(known: readonly string[]): Reader {
  return (value) => {
    if (typeof value === "string" && known.includes(value)) return { value };
    const hint = typeof value === "string" ? didYouMean(value, known) : undefined;
    return { ...wrongText(`one of ${known.join(", ")}`, value), hint };
  };
}

/** A single value stands for a list of it. */
export function listOf(reader: Reader): Reader {
  return (value) => {
    const read: unknown[] = [];
    for (const item of isList(value) ? value : [value]) {
      const one = reader(item);
      if (!("value" in one)) return one;
      read.push(one.value);
    }
    return { value: read };
  };
}

export const words: Reader = (value) => texts(isList(value) ? value : [value]);

/** Undefined: fine as the name of a block. */
export function nameProblem(name: string): string | undefined {
  return NAME.test(name)
    ? undefined
    : `the name ${JSON.stringify(name)} must be 1 to 11 small letters, digits or "_", a letter first`;
}

function pattern(allowed: RegExp, expected: string): Reader {
  return (value) => (typeof value === "string" && allowed.test(value) ? { value } : wrong(expected, value));
}

function wrong(expected: string, value: Value): Reading {
  return wrongText(expected, value);
}

function wrongText(expected: string, value: Value): { readonly message: string } {
  const found = typeof value === "string" || typeof value === "number" ? JSON.stringify(value) : typeName(value);
  return { message: `expected ${expected}, found ${found}` };
}

function plainText(value: Value): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
