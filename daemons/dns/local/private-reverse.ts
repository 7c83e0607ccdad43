/**
 * Reverse zones of addresses that mean something only at home (RFC 6303 §4, RFC 1918, RFC 4193, RFC 3927, RFC 6598): the
 * world knows nothing of them, and need not hear who asks.
 */
export function privateReverseZone(name: string): string | undefined {
  if (name.endsWith(".in-addr.arpa")) return zoneOf4(name);
  if (!name.endsWith(".ip6.arpa")) return undefined;
  const [, second = "", first = ""] = /(?:^|\.)(?:([0-9a-f])\.)?([0-9a-f])\.ip6\.arpa$/.exec(name) ?? [];
  if (first === "f" && (second === "c" || second === "d")) return `${second}.f.ip6.arpa`;
  const [, third = ""] = /(?:^|\.)([89ab])\.e\.f\.ip6\.arpa$/.exec(name) ?? [];
  if (third !== "") return `${third}.e.f.ip6.arpa`;
  return undefined;
}

function zoneOf4(name: string): string | undefined {
  const [first = "", second = ""] = name.slice(0, -".in-addr.arpa".length).split(".").toReversed();
  if (first === "10" || first === "127" || first === "0") return `${first}.in-addr.arpa`;
  const number = Number(second);
  if (second === "") return undefined;
  const isPrivate =
    (first === "192" && second === "168") ||
    (first === "172" && number >= 16 && number <= 31) ||
    (first === "169" && second === "254") ||
    (first === "100" && number >= 64 && number <= 127);
  return isPrivate ? `${second}.${first}.in-addr.arpa` : undefined;
}

/** Zones within which {@link privateReverseZone} finds one. */
export const PRIVATE_REVERSE_ZONES: readonly string[] = [
  "0.in-addr.arpa",
  "10.in-addr.arpa",
  "100.in-addr.arpa",
  "127.in-addr.arpa",
  "169.in-addr.arpa",
  "172.in-addr.arpa",
  "192.in-addr.arpa",
  "f.ip6.arpa",
];
