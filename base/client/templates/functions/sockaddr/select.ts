import { compareStrings } from "#base/language/go-template/format/map-order.ts";
import { compileRegexp } from "#base/language/go-template/functions/text/regexp.ts";
import { parseGoInt } from "#base/language/go-template/functions/text/strconv.ts";
import { quote } from "#base/language/go-template/format/quote.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { InterfaceAddress } from "./interface-address.ts";
import { contains, networkOf, parseIp, widthOf, type Ip } from "./ip.ts";
import { isForwardable, isOfRfc, isPrivate } from "./networks.ts";

export type Addresses = readonly InterfaceAddress[];
type Test = (address: InterfaceAddress) => boolean;

const ORDERS: Readonly<Record<string, (a: InterfaceAddress, b: InterfaceAddress) => number>> = {
  address: (a, b) => a.ip.version - b.ip.version || order(a.ip.address, b.ip.address),
  default: (a, b) => Number(b.input.isDefault) - Number(a.input.isDefault),
  name: (a, b) => compareStrings(a.input.name, b.input.name),
  port: () => 0,
  private: (a, b) => Number(isPrivate(b.ip)) - Number(isPrivate(a.ip)),
  size: (a, b) => a.ip.maskBits - b.ip.maskBits,
  type: (a, b) => a.ip.version - b.ip.version,
};

/** `default,-type,+size`: the first criterion decides, the next where it does not. */
export function sortAddresses(addresses: Addresses, criteria: string): Result<Addresses> {
  const orders: ((a: InterfaceAddress, b: InterfaceAddress) => number)[] = [];
  for (const criterion of criteria.split(",")) {
    const name = criterion.trim().toLowerCase();
    const compare = ORDERS[name.replace(/^[+-]/, "")];
    if (compare === undefined) return fail("bad_sort", `unknown sort type: ${quote(criterion)}`);
    orders.push(name.startsWith("-") ? (a: InterfaceAddress, b: InterfaceAddress) => compare(b, a) : compare);
  }
  return succeed(addresses.toSorted((a, b) => orders.reduce((found, compare) => found || compare(a, b), 0)));
}

/** What a selector and its argument let through. */
export function selectTest(selector: string, argument: string): Result<Test> {
  switch (selector.toLowerCase()) {
    case "address":
    case "name": {
      const regexp = compileRegexp(argument);
      if (!regexp.ok) return regexp;
      const attribute = selector.toLowerCase() === "name" ? "name" : "string";
      return succeed((address) => regexp.value.matches(address.attribute(attribute)));
    }
    case "flag":
    case "flags":
      return flagTest(argument);
    case "network":
      return networkTest(argument);
    case "port":
      return succeed(() => argument === "0");
    case "rfc":
    case "rfcs": {
      const numbers = argument.split("|");
      const unknown = numbers.find((rfc) => isOfRfc({ version: 4, address: 0n, maskBits: 32 }, rfc) === undefined);
      if (unknown !== undefined) return fail("bad_selector", `unsupported RFC ${unknown}`);
      return succeed(({ ip }) => numbers.some((rfc) => isOfRfc(ip, rfc) === true));
    }
    case "size":
      return /^\d+$/.test(argument)
        ? succeed(({ ip }) => ip.maskBits === Number(argument))
        : fail("bad_selector", `invalid exclude size argument (${quote(argument)})`);
    case "type":
      return typeTest(argument);
    default:
      return fail("bad_selector", `invalid include selector ${quote(selector)}`);
  }
}

function typeTest(argument: string): Result<Test> {
  const names = argument.toLowerCase().split("|");
  const unknown = names.find((name) => !["ip", "ipv4", "ipv6", "unix"].includes(name));
  if (unknown !== undefined) return fail("bad_selector", `unsupported type ${quote(unknown)} ${quote(argument)}`);
  return succeed(({ ip }) => names.includes("ip") || names.includes(`ipv${ip.version}`));
}

function networkTest(argument: string): Result<Test> {
  const networks: Ip[] = [];
  for (const text of argument.split("|")) {
    const network = parseIp(text);
    if (network === undefined)
      return fail("bad_selector", `unable to create an IP address from ${quote(text)}: invalid IPAddr ${text}`);
    networks.push(network);
  }
  return succeed(({ ip }) => networks.some((network) => contains(network, ip)));
}

const LOOPBACK = ["127.0.0.0/8", "::1/128"].flatMap((text) => parseIp(text) ?? []);
const MULTICAST = ["224.0.0.0/4", "ff00::/8"].flatMap((text) => parseIp(text) ?? []);
const LINK_LOCAL = ["169.254.0.0/16", "fe80::/10"].flatMap((text) => parseIp(text) ?? []);
const LINK_MULTICAST = ["224.0.0.0/24", "ff02::/16"].flatMap((text) => parseIp(text) ?? []);
const INTERFACE_MULTICAST = ["ff01::/16"].flatMap((text) => parseIp(text) ?? []);
const UNSPECIFIED = ["0.0.0.0/32", "::/128"].flatMap((text) => parseIp(text) ?? []);

function within(ip: Ip, networks: readonly Ip[]): boolean {
  return networks.some((network) => contains(network, { ...ip, maskBits: widthOf(ip) }));
}

/** Flags of the interface. */
const OWN_FLAGS = ["broadcast", "down", "loopback", "multicast", "point-to-point", "up"];
/** Properties of the address. */
const PROPERTIES: Readonly<Record<string, (ip: Ip) => boolean>> = {
  forwardable: isForwardable,
  "global unicast": (ip) => ![LOOPBACK, MULTICAST, LINK_LOCAL, UNSPECIFIED].some((networks) => within(ip, networks)),
  "interface-local multicast": (ip) => within(ip, INTERFACE_MULTICAST),
  "link-local multicast": (ip) => within(ip, LINK_MULTICAST),
  "link-local unicast": (ip) => within(ip, LINK_LOCAL),
  loopback: (ip) => within(ip, LOOPBACK),
  multicast: (ip) => within(ip, MULTICAST),
  unspecified: (ip) => within(ip, UNSPECIFIED),
};

/** All of the interface's flags that are named, or any of the address's properties. */
function flagTest(argument: string): Result<Test> {
  const names = argument.toLowerCase().split("|");
  const unknown = names.find((name) => !OWN_FLAGS.includes(name) && PROPERTIES[name] === undefined);
  if (unknown !== undefined) return fail("bad_selector", `Unknown interface flag: ${quote(unknown)}`);
  const own = names.filter((name) => OWN_FLAGS.includes(name));
  const wanted = own.filter((name) => name !== "down");
  return succeed(({ ip, input }) => {
    if (own.length > 0 && wanted.every((name) => input.flags.includes(name))) return true;
    return names.some((name) => PROPERTIES[name]?.(ip) === true);
  });
}

/** `address`, `network` and `mask` with a number: the addresses that many further on, or under another mask. */
export function computeAddress(
  operation: string,
  argument: string,
  { ip, input }: InterfaceAddress,
): Result<InterfaceAddress> {
  const name = operation.toLowerCase();
  if (!["address", "network", "mask"].includes(name))
    return fail("bad_math", `unsupported math operation: ${quote(operation)}`);
  if (name !== "mask" && !/^[+-]/.test(argument))
    return fail("bad_math", `sign (+/-) is required for operation ${quote(operation)}`);
  const parsed = parseGoInt(argument);
  if (!parsed.ok)
    return fail(
      "bad_math",
      `unable to convert ${quote(argument)} to int for operation ${quote(operation)}: ${parsed.error.message}`,
    );
  const by = parsed.value;
  const width = widthOf(ip);
  const at = (address: bigint, maskBits = ip.maskBits) =>
    succeed(new InterfaceAddress({ ...ip, address: BigInt.asUintN(width, address), maskBits }, input));
  if (name === "address") return at(ip.address + by);
  if (name === "mask") {
    if (by < 0n || by > width)
      return fail(
        "bad_math",
        `parameter for operation ${quote(operation)} on ipv${ip.version} addresses must be between 0 and ${width}`,
      );
    return at(networkOf({ ...ip, maskBits: Number(by) }), Math.min(Number(by), ip.maskBits));
  }
  const size = 1n << BigInt(width - ip.maskBits);
  const inside = ((by % size) + size) % size;
  return at(networkOf(ip) + inside);
}

function order(a: bigint, b: bigint): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
