import { addressFamily, ipv4Bytes, ipv6Bytes, ipv6Text } from "#base/protocol/dns/address.ts";
import type { ClientSettings } from "../settings/settings.ts";

/** Who has which address, as far as leases and the kernel's neighbour table know. */
export interface Neighbours {
  macOf(address: string): string | undefined;
  namesOf(address: string): readonly string[];
}

export interface ClientMatch {
  readonly groups: readonly number[];
  readonly servers: readonly string[];
}

interface Network {
  readonly bytes: readonly number[];
  readonly bits: number;
}

/** Finds what the settings say of an address: the address itself, its MAC address, the longest network, a name. */
export class ClientMatcher {
  readonly #exact = new Map<string, ClientSettings>();
  readonly #networks: { readonly network: Network; readonly client: ClientSettings }[] = [];

  constructor(clients: readonly ClientSettings[]) {
    for (const client of clients) {
      const text = client.match.trim().toLowerCase();
      const network = text.includes("/") ? readNetwork(text) : undefined;
      if (network !== undefined) this.#networks.push({ network, client });
      else this.#exact.set(addressFamily(text) === 6 ? ipv6Text(ipv6Bytes(text) ?? []) : text, client);
    }
    this.#networks.sort((a, b) => b.network.bits - a.network.bits);
  }

  find(address: string, neighbours: Neighbours): ClientMatch {
    const { groups, servers } = this.#find(address, neighbours) ?? { groups: [0], servers: [] };
    return { groups, servers };
  }

  #find(address: string, neighbours: Neighbours): ClientSettings | undefined {
    const own = this.#exact.get(address);
    if (own !== undefined) return own;
    const mac = neighbours.macOf(address);
    const byMac = mac === undefined ? undefined : this.#exact.get(mac);
    if (byMac !== undefined) return byMac;
    for (const name of neighbours.namesOf(address)) {
      const byName = this.#exact.get(name);
      if (byName !== undefined) return byName;
    }
    const bytes = addressBytes(address);
    return bytes === undefined ? undefined : this.#networks.find(({ network }) => isInside(bytes, network))?.client;
  }
}

/** `192.168.1.0/24` or `fd00::/8`; an address alone is a network of one. */
export function readNetwork(text: string): Network | undefined {
  const [address = "", length] = text.split("/", 2);
  const bytes = addressBytes(address);
  if (bytes === undefined) return undefined;
  const bits = length === undefined ? bytes.length * 8 : Number(length);
  return Number.isInteger(bits) && bits >= 0 && bits <= bytes.length * 8 ? { bytes, bits } : undefined;
}

export function isInside(address: readonly number[], { bytes, bits }: Network): boolean {
  if (address.length !== bytes.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== bytes[i]) return false;
  const mask = (0xff00 >> (bits & 7)) & 255;
  return ((address[whole] ?? 0) & mask) === ((bytes[whole] ?? 0) & mask);
}

export function addressBytes(address: string): readonly number[] | undefined {
  return ipv4Bytes(address) ?? ipv6Bytes(address);
}
