import { fail, succeed, type Result } from "#base/env/errors.ts";
import {
  broadcastOf,
  formatIpv4,
  isInside,
  parseIpv4,
  parseNetwork,
  type Ipv4,
  type Ipv4Network,
} from "../packet/ipv4.ts";
import { compileOptions } from "./compile-options.ts";
import { compileBoot } from "./compile-boot.ts";
import { each, readTime } from "./read-items.ts";
import type { SubnetInput } from "./schema.ts";
import type { PoolRange, Subnet } from "./settings.ts";

/** Addresses of one pool: a table of marks is kept for each. */
const MAX_POOL = 1 << 20;

export interface SubnetDefaults {
  readonly index: number;
  readonly leaseMs: number;
  readonly domain: string;
}

export function compileSubnet(input: SubnetInput, defaults: SubnetDefaults): Result<Subnet> {
  const network = parseNetwork(input.network);
  if (network === undefined || network.prefix > 30)
    return fail(
      "bad_settings",
      `network "${input.network}" does not read`,
      "for example 192.168.1.0/24; the longest prefix is 30",
    );
  const leaseMs = input.leaseTime === undefined ? defaults.leaseMs : readTime(input.leaseTime);
  if (leaseMs === undefined)
    return fail(
      "bad_settings",
      `leaseTime "${input.leaseTime}" is no duration`,
      'for example "12h", "7d" or "infinite"',
    );
  const pools = each(input.pools, "pools", (pool) =>
    typeof pool === "string" ? compilePool(pool, [], network) : compilePool(pool.range, pool.tags, network),
  );
  if (!pools.ok) return pools;
  const overlap = overlapOf(pools.value);
  if (overlap !== undefined) return fail("bad_settings", overlap);
  if (input.proxy && pools.value.length > 0)
    return fail(
      "bad_settings",
      "proxy is for a network whose addresses another server gives: it has no pools",
      "leave out proxy, or the pools",
    );
  const addresses = each([...input.exclude, ...input.relays], "exclude and relays", readAddress);
  if (!addresses.ok) return addresses;
  const options = compileOptions(input.options, input.force);
  if (!options.ok) return options;
  const boot = each(input.boot, "boot", compileBoot);
  if (!boot.ok) return boot;
  return succeed({
    index: defaults.index,
    id: `${formatIpv4(network.base)}/${network.prefix}`,
    network,
    interface: input.interface,
    relays: addresses.value.slice(input.exclude.length),
    pools: pools.value,
    exclude: new Set(addresses.value.slice(0, input.exclude.length)),
    leaseMs,
    domain: input.domain ?? defaults.domain,
    options: options.value,
    boot: boot.value,
    isProxy: input.proxy,
  });
}

function compilePool(range: string, tags: readonly string[], network: Ipv4Network): Result<PoolRange> {
  const [from = "", to = from, ...more] = range.split("-").map((part) => part.trim());
  const [first, last] = [parseIpv4(from), parseIpv4(to)];
  if (first === undefined || last === undefined || more.length > 0 || last < first)
    return fail("bad_settings", `"${range}" is no range`, "for example 192.168.1.100-192.168.1.199");
  const isUsable = [first, last].every((ip) => isInside(ip, network));
  if (!isUsable || first === network.base || last === broadcastOf(network))
    return fail("bad_settings", `${range} is not within the usable addresses of the network`);
  if (last - first >= MAX_POOL) return fail("bad_settings", `${range} holds more than ${MAX_POOL} addresses`);
  return succeed({ first, last, tags });
}

function overlapOf(pools: readonly PoolRange[]): string | undefined {
  const sorted = pools.toSorted((a, b) => a.first - b.first);
  const at = sorted.findIndex((pool, i) => i > 0 && pool.first <= (sorted[i - 1]?.last ?? -1));
  const pool = sorted[at];
  return pool === undefined ? undefined : `the pool that starts at ${formatIpv4(pool.first)} overlaps another`;
}

function readAddress(text: string): Result<Ipv4> {
  const ip = parseIpv4(text);
  return ip === undefined ? fail("bad_settings", `"${text}" is not an IPv4 address`) : succeed(ip);
}
