import { ipv4Text, ipv6Text } from "#base/protocol/dns/address.ts";

/** The address of `4.3.2.1.in-addr.arpa` or the nibbles of `ip6.arpa` (RFC 1035 §3.5, RFC 3596 §2.5); labels in lower case. */
export function reverseAddress(labels: readonly string[]): string | undefined {
  if (labels.at(-1) !== "arpa") return undefined;
  if (labels.at(-2) === "in-addr" && labels.length === 6) {
    const bytes = labels
      .slice(0, 4)
      .toReversed()
      .map((label) => (/^(0|[1-9]\d{0,2})$/.test(label) ? Number(label) : 256));
    return bytes.every((byte) => byte < 256) ? ipv4Text(bytes) : undefined;
  }
  if (labels.at(-2) !== "ip6" || labels.length !== 34) return undefined;
  const nibbles = labels.slice(0, 32).toReversed();
  if (!nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) return undefined;
  return ipv6Text(Array.from({ length: 16 }, (_, i) => Number.parseInt(`${nibbles[2 * i]}${nibbles[2 * i + 1]}`, 16)));
}
