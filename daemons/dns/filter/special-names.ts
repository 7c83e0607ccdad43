import type { Asked } from "../packet/asked.ts";
import type { Settings } from "../settings/settings.ts";
import { NameCoder } from "./name-hash.ts";

export type SpecialReply = "nxdomain" | "nodata";

/**
 * Names by which programs ask whether they may go past this server: Firefox's canary
 * (https://support.mozilla.org/kb/canary-domain-use-application-dnsnet), iCloud private relay
 * (https://developer.apple.com/support/prepare-your-network-for-icloud-private-relay), designated resolvers (RFC 9462 §4).
 */
export function specialReply(name: string, special: Settings["blocking"]["specialDomains"]): SpecialReply | undefined {
  if (special.mozillaCanary && isAtOrBelow(name, "use-application-dns.net")) return "nxdomain";
  if (special.icloudPrivateRelay && (name === "mask.icloud.com" || name === "mask-h2.icloud.com")) return "nxdomain";
  if (special.designatedResolver && isAtOrBelow(name, "resolver.arpa")) return "nodata";
  return undefined;
}

/** What they all end in, two labels each. */
const ENDS = ["use-application-dns.net", "icloud.com", "resolver.arpa"];

/** Says with a few comparisons of numbers that a name is none of them, which is so for nearly all. */
export class SpecialGate {
  readonly #ends: readonly number[];

  constructor(seed: number) {
    const coder = new NameCoder(seed);
    this.#ends = ENDS.map((end) => {
      const text = Buffer.from(end);
      coder.encode(text, 0, text.length);
      return coder.hash;
    });
  }

  mayBeSpecial(asked: Asked): boolean {
    return asked.labels >= 2 && this.#ends.includes(asked.hashes[asked.labels - 2] ?? 0);
  }
}

function isAtOrBelow(name: string, domain: string): boolean {
  return name.endsWith(domain) && (name.length === domain.length || name[name.length - domain.length - 1] === ".");
}
