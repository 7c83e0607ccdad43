import { formatIpv4, parseIpv4, type Ipv4 } from "../packet/ipv4.ts";

/** Addresses as they stand in logs, keys and answers. IPv6's have numbers of a server's own, which only it can read. */
export interface AddressText {
  format(ip: Ipv4): string;
  /** Undefined for what is no address, or none of the networks that are configured. */
  parse(text: string): Ipv4 | undefined;
}

export const IPV4_TEXT: AddressText = { format: formatIpv4, parse: parseIpv4 };
