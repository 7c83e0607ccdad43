import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import { addressFamily } from "#base/protocol/dns/address.ts";

export type UpstreamProtocol = "udp" | "tcp" | "tls" | "https";

export interface ServerAddress {
  readonly protocol: UpstreamProtocol;
  /** As it is written in the settings. */
  readonly text: string;
  /** An address, or a name that has to be resolved first. */
  readonly host: string;
  readonly port: number;
  /** Name the certificate has to have; empty: the host's. */
  readonly serverName: string;
  /** Of an https server. */
  readonly path: string;
}

const PORTS: Readonly<Record<UpstreamProtocol, number>> = { udp: 53, tcp: 53, tls: 853, https: 443 };

/**
 * `9.9.9.9`, `9.9.9.9:5353`, `9.9.9.9#5353`, `[2620:fe::fe]:53`, `tcp://…`, `tls://dns.quad9.net`, `tls://dns.quad9.net@9.9.9.9`,
 * `https://dns.quad9.net/dns-query`, `https://dns.quad9.net@9.9.9.9/dns-query`.
 */
export function readServerAddress(text: string): Result<ServerAddress> {
  const [, scheme = "udp", rest = ""] = /^(?:(udp|tcp|tls|https):\/\/)?(.*)$/.exec(text.trim()) ?? [];
  const protocol = scheme === "tcp" || scheme === "tls" || scheme === "https" ? scheme : "udp";
  const slash = rest.indexOf("/");
  const path = slash < 0 ? "/dns-query" : rest.slice(slash);
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const at = authority.lastIndexOf("@");
  const place = readPlace(authority.slice(at + 1), PORTS[protocol]);
  const isPlainPath = protocol === "https" || slash < 0;
  if (place === undefined || !isPlainPath)
    return fail(
      "dns_upstream",
      `${JSON.stringify(text)} is no DNS server`,
      "expected an address (9.9.9.9), tcp://ADDRESS, tls://NAME@ADDRESS or https://NAME/dns-query",
    );
  if ((protocol === "udp" || protocol === "tcp") && addressFamily(place.host) === undefined)
    return fail("dns_upstream", `${JSON.stringify(text)}: ${place.host} is no address`, "give the server's IP address");
  const serverName = at < 0 ? "" : authority.slice(0, at);
  return succeed({ protocol, text: text.trim(), serverName, path, ...place });
}

/** `host`, `host:port`, `[v6]:port`, a bare IPv6 address, and dnsmasq's `host#port`. */
export function readPlace(text: string, defaultPort: number): Address | undefined {
  if (addressFamily(text) === 6) return { host: text, port: defaultPort };
  const [, v6, other, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?:[:#](\d{1,5}))?$/.exec(text) ?? [];
  const host = v6 ?? other;
  const number = port === undefined ? defaultPort : Number(port);
  if (host === undefined || number > 65_535 || (v6 !== undefined && addressFamily(v6) !== 6)) return undefined;
  return { host, port: number };
}
