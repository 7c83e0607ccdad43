import { ipv4Text, ipv6Text } from "#base/protocol/dns/address.ts";

/** What a name under the zone asks for (https://developer.hashicorp.com/consul/docs/services/discovery/dns-static-lookups). */
export type ZoneName =
  | { readonly kind: "apex" }
  /** `ns.<domain>`: the name the SOA record gives as primary. */
  | { readonly kind: "primary" }
  | { readonly kind: "service"; readonly service: string; readonly tag: string; readonly datacenter: string }
  | { readonly kind: "query"; readonly query: string; readonly datacenter: string }
  | { readonly kind: "node"; readonly node: string; readonly datacenter: string }
  | { readonly kind: "address"; readonly address: string; readonly datacenter: string }
  | { readonly kind: "unknown" };

const KINDS = ["service", "node", "query", "addr", "connect", "virtual", "ingress"];

/**
 * Reads lower-case labels before the domain: `[tag.]name.service[.dc]`, `_name._tag[.service][.dc]`, `name.node[.dc]`,
 * `<hex>.addr[.dc]`, and each with the older `.dc` word behind the datacenter. `datacenter` is empty when none is named.
 */
export function readZoneName(labels: readonly string[]): ZoneName {
  if (labels.length === 0) return { kind: "apex" };
  if (labels.length === 1 && labels[0] === "ns") return { kind: "primary" };
  const split = splitKind(labels);
  if (split === undefined) return bareRfc2782(labels);
  const { kind, before, datacenter } = split;
  if (before.length === 0) return { kind: "unknown" };
  switch (kind) {
    case "service":
      return serviceName(before, datacenter);
    case "node":
      return { kind: "node", node: before.join("."), datacenter };
    case "query":
      return { kind: "query", query: queryName(before), datacenter };
    case "addr":
      return addressName(before, datacenter);
    default:
      return { kind: "unknown" };
  }
}

/** The kind is the last label, or the one before the datacenter. */
function splitKind(
  labels: readonly string[],
): { readonly kind: string; readonly before: readonly string[]; readonly datacenter: string } | undefined {
  const shape = labels.at(-1) === "dc" && labels.length > 2 ? labels.slice(0, -1) : labels;
  for (const behind of [0, 1]) {
    const kind = shape[shape.length - 1 - behind];
    if (kind === undefined || !KINDS.includes(kind)) continue;
    // `x.dc` names a datacenter; the kind cannot also be the last label then.
    if (behind === 0 && shape !== labels) continue;
    const before = shape.slice(0, shape.length - 1 - behind);
    return { kind, before, datacenter: behind === 0 ? "" : (shape.at(-1) ?? "") };
  }
  return undefined;
}

function bareRfc2782(labels: readonly string[]): ZoneName {
  const [service, tag, datacenter = ""] = labels.at(-1) === "dc" ? labels.slice(0, -1) : labels;
  if (labels.length > 4 || service?.startsWith("_") !== true || tag?.startsWith("_") !== true)
    return { kind: "unknown" };
  return rfc2782(service, tag, datacenter);
}

function serviceName(before: readonly string[], datacenter: string): ZoneName {
  const [first = "", second = ""] = before;
  if (before.length === 2 && first.startsWith("_") && second.startsWith("_")) return rfc2782(first, second, datacenter);
  const service = before.at(-1) ?? "";
  return { kind: "service", service, tag: before.slice(0, -1).join("."), datacenter };
}

/** `_tcp` and `_udp` stand for any tag. */
function rfc2782(service: string, tag: string, datacenter: string): ZoneName {
  const plain = tag.slice(1);
  return {
    kind: "service",
    service: service.slice(1),
    tag: plain === "tcp" || plain === "udp" ? "" : plain,
    datacenter,
  };
}

/** `name.query`, where the name may hold dots, or `_name._tcp.query`. */
function queryName(before: readonly string[]): string {
  const [first = "", second = ""] = before;
  return before.length === 2 && first.startsWith("_") && second.startsWith("_") ? first.slice(1) : before.join(".");
}

function addressName(before: readonly string[], datacenter: string): ZoneName {
  const hex = before.length === 1 ? (before[0] ?? "") : "";
  if (!/^([0-9a-f]{8}|[0-9a-f]{32})$/.test(hex)) return { kind: "unknown" };
  const bytes = Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
  return { kind: "address", address: bytes.length === 4 ? ipv4Text(bytes) : ipv6Text(bytes), datacenter };
}
