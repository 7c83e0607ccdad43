import { Fault, oneAndMany, text, three, whole, one, type Given, type HclFunction } from "./function.ts";
import { formatAddress, parseAddress } from "./address.ts";

export const networkFunctions: Readonly<Record<string, HclFunction>> = {
  cidrhost: (values) => cidrHostOf(values),
  cidrnetmask: one(text, netmask),
  cidrsubnet: three({ a: text, b: whole, c: whole, run: subnet }),
  cidrsubnets: oneAndMany(text, whole, subnets),
};

interface Prefix {
  /** Of the network: bits below the prefix are 0. */
  readonly base: bigint;
  readonly length: number;
  readonly bits: 32 | 128;
}

function parsePrefix(prefix: string): Prefix | Fault {
  const [address = "", lengthText = "", ...rest] = prefix.split("/");
  const parsed = parseAddress(address);
  const length = /^\d{1,3}$/.test(lengthText) ? Number(lengthText) : -1;
  if (parsed === undefined || rest.length > 0 || length < 0 || length > parsed.bits) {
    return new Fault(`${JSON.stringify(prefix)} is no address range; expected for example "10.0.0.0/16"`);
  }
  const rest0 = BigInt(parsed.bits - length);
  return { base: (parsed.value >> rest0) << rest0, length, bits: parsed.bits };
}

/** A negative number counts from the range's end. */
const cidrHostOf: HclFunction = (values) => {
  const [prefix, number] = values;
  if (
    typeof prefix !== "string" ||
    typeof number !== "number" ||
    !Number.isSafeInteger(number) ||
    values.length !== 2
  ) {
    return { ok: false, message: "expected an address range and a whole number" };
  }
  const range = parsePrefix(prefix);
  if (range instanceof Fault) return { ok: false, argument: 0, message: range.message };
  const size = 1n << BigInt(range.bits - range.length);
  const offset = number < 0 ? size + BigInt(number) : BigInt(number);
  if (offset < 0n || offset >= size) return { ok: false, argument: 1, message: `the range has only ${size} addresses` };
  return { ok: true, value: formatAddress(range.base + offset, range.bits) };
};

function netmask(prefix: string): Given {
  const range = parsePrefix(prefix);
  if (range instanceof Fault) return range;
  if (range.bits === 128) return new Fault("IPv6 ranges have no netmask");
  const host = BigInt(range.bits - range.length);
  return formatAddress(((1n << 32n) - 1n) ^ ((1n << host) - 1n), 32);
}

function subnet(prefix: string, newBits: number, number: number): Given {
  const range = parsePrefix(prefix);
  if (range instanceof Fault) return range;
  const length = range.length + newBits;
  if (newBits < 0 || length > range.bits) return new Fault(`${prefix} has no room for ${newBits} more bits`);
  if (number < 0 || BigInt(number) >= 1n << BigInt(newBits))
    return new Fault(`with ${newBits} bits the numbers are 0 to ${(1n << BigInt(newBits)) - 1n}`);
  return `${formatAddress(range.base + (BigInt(number) << BigInt(range.bits - length)), range.bits)}/${length}`;
}

/** Ranges of the given sizes one after the other, each aligned to its size. */
function subnets(prefix: string, newBits: readonly number[]): Given {
  const range = parsePrefix(prefix);
  if (range instanceof Fault) return range;
  const end = range.base + (1n << BigInt(range.bits - range.length));
  let next = range.base;
  const all: string[] = [];
  for (const bits of newBits) {
    const length = range.length + bits;
    if (bits < 1 || length > range.bits) return new Fault(`${prefix} cannot be extended by ${bits} bits`);
    const size = 1n << BigInt(range.bits - length);
    next = ((next + size - 1n) / size) * size;
    if (next + size > end) return new Fault(`${prefix} is too small for these ranges`);
    all.push(`${formatAddress(next, range.bits)}/${length}`);
    next += size;
  }
  return all;
}
