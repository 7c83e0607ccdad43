import { concatBytes } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { ipv6Bytes } from "#base/protocol/dns/address.ts";
import { encodeDomains } from "../packet/domain-list.ts";
import { each, readTime } from "../settings/read-items.ts";
import type { OptionSet, PoolRange, Subnet, Link6 } from "../settings/settings.ts";
import { OPTION } from "./codes.ts";
import {
  isInside6,
  networkText,
  PAGE,
  pageStart,
  parseNetwork6,
  valueOf,
  type Network6,
  type Page,
} from "./handles.ts";
import { uint16Bytes, type Option6 } from "./message.ts";
import type { Subnet6Input } from "./schema.ts";

const NO_OPTIONS: OptionSet = { entries: new Map(), forced: new Set() };
/** Numbers of one network: two pages. */
const NUMBER_PREFIX = 15;
/** Addresses that instances share out between them as one: pools are of hundreds, and each instance wants some. */
const BLOCK = 16;
/** The first network's; zero is no address. */
const FIRST_BASE = PAGE * 2;
/** What a server says of itself and of a client is not set by hand. */
const NOT_SETTABLE = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26]);

export interface LinkPage {
  readonly kind: "address" | "prefix";
  readonly subnet: Subnet;
  readonly page: Page;
  /** What is of this network without being in a pool. */
  readonly within: Network6;
}

interface Defaults {
  readonly index: number;
  readonly leaseMs: number;
  readonly domain: string;
}

export function compileLink(
  input: Subnet6Input,
  defaults: Defaults,
): Result<{ readonly link: Link6; readonly pages: readonly LinkPage[] }> {
  const network = parseNetwork6(input.network);
  if (network === undefined || network.length > 112)
    return fail("bad_settings", `network "${input.network}" does not read`, "for example fd00:1::/64; at most /112");
  const leaseMs = input.leaseTime === undefined ? defaults.leaseMs : readTime(input.leaseTime);
  if (leaseMs === undefined)
    return fail("bad_settings", `leaseTime "${input.leaseTime}" is no duration`, 'for example "12h" or "7d"');
  const about = { input, network, leaseMs, domain: input.domain ?? defaults.domain, index: defaults.index };
  const addresses = compileAddresses(about);
  if (!addresses.ok) return addresses;
  const prefixes = compilePrefixes(about);
  if (!prefixes.ok) return prefixes;
  const options = compileOptions6(input);
  if (!options.ok) return options;
  const pages = [addresses.value, ...prefixes.value];
  const id = networkText(network);
  const pools = pages.map(({ kind, subnet }) => ({ kind, subnet }));
  const link: Link6 = { id, network, interface: input.interface, pools, options: options.value, domain: about.domain };
  return succeed({ link, pages });
}

interface About {
  readonly input: Subnet6Input;
  readonly network: Network6;
  readonly leaseMs: number;
  readonly domain: string;
  readonly index: number;
}

function compileAddresses(about: About): Result<LinkPage> {
  const { input, network, index } = about;
  const base = baseOf(index * 2);
  const ranges = each(input.pools, "pools", (pool) => readRange(pool, network));
  if (!ranges.ok) return ranges;
  const [some] = ranges.value;
  const first = pageStart(some?.first ?? network.base);
  if (ranges.value.some((range) => pageStart(range.first) !== first))
    return fail("bad_settings", "the pools of one network share the first 112 bits: 65,536 addresses at most");
  const pools = ranges.value
    .map((range): PoolRange => ({
      first: base + Number(range.first - first),
      last: base + Number(range.last - first),
      tags: [],
    }))
    .toSorted((a, b) => a.first - b.first);
  if (pools.some((pool, i) => i > 0 && pool.first <= (pools[i - 1]?.last ?? -1)))
    return fail("bad_settings", "two pools of one network overlap");
  const excluded = each(input.exclude, "exclude", (text) => {
    const value = valueOf(text);
    return value === undefined ? fail("bad_settings", `"${text}" is no IPv6 address`) : succeed(value);
  });
  if (!excluded.ok) return excluded;
  const exclude = new Set(
    excluded.value.flatMap((value) => (pageStart(value) === first ? [base + Number(value - first)] : [])),
  );
  const subnet = subnetOf(about, {
    index: index * 2,
    id: networkText(network),
    base,
    blockSize: BLOCK,
    pools,
    exclude,
  });
  const page = { base, first, count: PAGE, length: 128 };
  return succeed({ kind: "address", subnet, page, within: network });
}

function compilePrefixes(about: About): Result<readonly LinkPage[]> {
  const { delegate } = about.input;
  if (delegate === undefined) return succeed([]);
  const from = parseNetwork6(delegate.from);
  const { length } = delegate;
  if (from === undefined || !Number.isInteger(length) || length < from.length || length > 64)
    return fail(
      "bad_settings",
      `delegate from "${delegate.from}" by ${length} bits does not read`,
      'for example {"from": "fd00:8000::/48", "length": 56}; the longest prefix is 64',
    );
  if (length - from.length > 16) return fail("bad_settings", "more than 65,536 prefixes would be delegated");
  const index = about.index * 2 + 1;
  const base = baseOf(index);
  const count = 2 ** (length - from.length);
  const pools = [{ first: base, last: base + count - 1, tags: [] }];
  const subnet = subnetOf(about, {
    index,
    id: `${networkText(from)}-${length}`,
    base,
    blockSize: Math.max(1, count / 64),
    pools,
    exclude: new Set(),
  });
  const page = { base, first: from.base, count, length };
  return succeed([{ kind: "prefix", subnet, page, within: from }]);
}

/** Every set of leases has a number, and from it its own range of numbers. */
function baseOf(index: number): number {
  return FIRST_BASE + index * PAGE * 2;
}

function subnetOf(
  { input, leaseMs, domain }: About,
  numbers: Pick<Subnet, "index" | "id" | "pools" | "exclude"> & { readonly blockSize: number; readonly base: number },
): Subnet {
  const { index, id, pools, exclude, base, blockSize } = numbers;
  return {
    index,
    id,
    network: { base, prefix: NUMBER_PREFIX },
    blockSize,
    interface: input.interface,
    relays: [],
    pools,
    exclude,
    leaseMs,
    domain,
    options: NO_OPTIONS,
    boot: [],
  };
}

function readRange(text: string, network: Network6): Result<{ readonly first: bigint; readonly last: bigint }> {
  const [from = "", to = from, ...more] = text.split("-").map((part) => part.trim());
  const [first, last] = [valueOf(from), valueOf(to)];
  if (first === undefined || last === undefined || more.length > 0 || last < first)
    return fail("bad_settings", `"${text}" is no range`, "for example fd00:1::1000-fd00:1::1fff");
  // The router anycast address (RFC 4291 §2.6.1).
  if (!isInside6(first, network) || !isInside6(last, network) || first === network.base)
    return fail("bad_settings", `${text} is not within the usable addresses of the network`);
  if (pageStart(first) !== pageStart(last))
    return fail("bad_settings", `${text} holds more than its addresses' last 16 bits can tell apart`);
  return succeed({ first, last });
}

function compileOptions6(input: Subnet6Input): Result<readonly Option6[]> {
  const options: Option6[] = [];
  const [dns, ntp] = [input.dnsServers, input.ntpServers].map((texts) => each(texts, "servers", addressBytes));
  if (dns?.ok === false) return dns;
  if (ntp?.ok === false) return ntp;
  if (dns !== undefined && dns.value.length > 0)
    options.push({ code: OPTION.dnsServers, data: concatBytes(dns.value) });
  // One suboption a server: NTP_SUBOPTION_SRV_ADDR (RFC 5908 §4.1).
  const times = (ntp?.value ?? []).map((bytes) => concatBytes([uint16Bytes(1, 16), bytes]));
  if (times.length > 0) options.push({ code: OPTION.ntpServer, data: concatBytes(times) });
  if (input.domainSearch.length > 0) {
    // Names stand whole there: nothing points back (RFC 8415 §10).
    const names = each(input.domainSearch, "domainSearch", (name) => encodeDomains([name]));
    if (!names.ok) return names;
    options.push({ code: OPTION.domainList, data: concatBytes(names.value) });
  }
  if (input.bootFile !== "") options.push({ code: OPTION.bootFileUrl, data: Buffer.from(input.bootFile) });
  for (const [key, hex] of Object.entries(input.options)) {
    const digits = hex.replaceAll(/[:\s]/g, "");
    if (!/^[0-9]{1,5}$/.test(key) || Number(key) > 65_535 || !/^(?:[0-9a-f]{2})*$/i.test(digits))
      return fail("bad_settings", `option ${key} does not read`, 'a code and hexadecimal digits, as in {"59": "7466"}');
    if (NOT_SETTABLE.has(Number(key))) return fail("bad_settings", `option ${key} is the server's own to set`);
    options.push({ code: Number(key), data: Buffer.from(digits, "hex") });
  }
  return succeed(options);
}

function addressBytes(text: string): Result<Uint8Array> {
  const bytes = ipv6Bytes(text);
  return bytes === undefined ? fail("bad_settings", `"${text}" is no IPv6 address`) : succeed(Uint8Array.from(bytes));
}
