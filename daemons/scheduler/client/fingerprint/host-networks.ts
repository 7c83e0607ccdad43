import type { InterfaceAddress } from "#base/env/net.ts";
import { parseAddress } from "#base/language/hcl/functions/address.ts";

/** A `client { host_network "name" { … } }` block: an interface, an address range, or both. */
export interface HostNetwork {
  readonly name: string;
  readonly cidr: string;
  readonly interface: string;
}

/** The machine's addresses that belong to a host network. Without any condition: none. */
export function addressesIn(network: HostNetwork, all: readonly InterfaceAddress[]): InterfaceAddress[] {
  if (network.interface === "" && network.cidr === "") return [];
  return all.filter(
    ({ name, address }) =>
      (network.interface === "" || network.interface === name) &&
      (network.cidr === "" || isWithin(address, network.cidr)),
  );
}

/** Whether an address lies in a range in CIDR notation (RFC 4632, RFC 4291). A range that is none holds nothing. */
export function isWithin(text: string, cidr: string): boolean {
  const [base = "", length = ""] = cidr.split("/");
  const range = parseAddress(base);
  const address = parseAddress(text);
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (range === undefined || address === undefined || range.bits !== address.bits) return false;
  if (bits < 0 || bits > range.bits) return false;
  const shift = BigInt(range.bits - bits);
  return range.value >> shift === address.value >> shift;
}
