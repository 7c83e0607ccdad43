import * as v from "valibot";
import { flag, integer, list, text, texts } from "#base/protocol/schema.ts";

/** Where a block stands in its file, for complaints. */
const at = v.object({ start: v.number(), end: v.number() });
const on = v.nullish(v.boolean(), true);
const whole = (otherwise: number) => v.nullish(v.pipe(v.number(), v.integer()), otherwise);
const word = (otherwise: string) => v.nullish(v.string(), otherwise);
const words = (...otherwise: readonly string[]) => v.nullish(v.array(v.string()), () => [...otherwise]);
const named = { name: v.string(), at };
const portRange = v.tuple([v.number(), v.number()]);

export const WAN_KINDS = ["dhcp", "pppoe", "static"] as const;
export const PROTOCOLS = ["tcp", "udp"] as const;
export const ACTIONS = ["accept", "drop", "reject"] as const;
export const DYNDNS_PROVIDERS = ["dyndns2", "duckdns", "cloudflare", "url"] as const;
/** What a zone may reach on the router itself; beside these, `tcp/PORT` and `udp/PORT`. */
export const ROUTER_SERVICES = ["all", "dhcp", "dns", "ntp", "ping", "ssh", "mdns", "upnp"] as const;

const SECOND = 1000;

const WanSchema = v.object({
  ...named,
  interface: v.string(),
  kind: v.nullish(v.picklist(WAN_KINDS), "dhcp"),
  /** 0: none. */
  vlan: integer,
  /** Empty: the interface's own. */
  mac: text,
  /** 0: what the kind has (1492 for PPPoE, RFC 2516, 7). */
  mtu: integer,
  zone: word("wan"),
  addresses: texts,
  gateways: texts,
  /** A prefix the provider routes here without being asked. Empty: by DHCPv6. */
  prefix: text,
  ipv6: on,
  /** Length of the prefix asked for with DHCPv6 (RFC 8415, 6.6). */
  prefixLength: whole(56),
  pppoe: v.nullish(
    v.object({ user: text, password: text, passwordFile: text, passwordVariable: text, service: text }),
    null,
  ),
  health: v.nullish(
    v.object({
      targets: texts,
      intervalMs: whole(5 * SECOND),
      timeoutMs: whole(2 * SECOND),
      downAfter: whole(3),
      upAfter: whole(3),
    }),
    null,
  ),
  qos: v.nullish(v.object({ download: integer, upload: integer, link: text }), null),
});

export const DHCPV6 = ["none", "settings", "addresses"] as const;

const LanSchema = v.object({
  ...named,
  interfaces: v.pipe(v.array(v.string()), v.minLength(1)),
  bridge: flag,
  vlan: integer,
  mtu: integer,
  addresses: texts,
  zone: word("lan"),
  /** Which /64 of a delegated prefix; null: by the order of the file. */
  subnet: v.nullish(v.number(), null),
  advertise: on,
  /** What hosts are told to ask DHCPv6 for. */
  dhcpv6: v.nullish(v.picklist(DHCPV6), "none"),
  /** For router advertisements; empty: this router. */
  dns: texts,
  domain: text,
});

const ZoneSchema = v.object({ ...named, to: texts, router: texts, reject: v.nullish(v.boolean(), null) });

const RuleSchema = v.object({
  ...named,
  from: v.nullish(v.array(v.string()), () => ["*"]),
  to: v.nullish(v.array(v.string()), () => ["*"]),
  protocols: v.nullish(v.array(v.picklist([...PROTOCOLS, "icmp"])), () => []),
  ports: list(portRange),
  source: texts,
  destination: texts,
  action: v.nullish(v.picklist(ACTIONS), "accept"),
});

const ForwardSchema = v.object({
  ...named,
  ports: v.pipe(v.array(portRange), v.minLength(1)),
  protocols: v.nullish(v.array(v.picklist(PROTOCOLS)), () => ["tcp" as const]),
  /** An address, or a service of the catalog. */
  to: text,
  service: text,
  tag: text,
  /** 0: the port that was asked for, or the service's own. */
  toPort: integer,
  from: texts,
  wans: texts,
  hairpin: on,
});

const PeerSchema = v.object({
  ...named,
  publicKey: v.string(),
  presharedKeyFile: text,
  addresses: texts,
  /** Networks behind the peer. */
  routes: texts,
  endpoint: text,
  keepaliveSeconds: integer,
});

const WireguardSchema = v.object({
  ...named,
  port: whole(51_820),
  addresses: texts,
  zone: word("vpn"),
  /** Empty: below the state folder, made when it is missing. */
  keyFile: text,
  /** What peers dial; empty: the address of the first line. */
  endpoint: text,
  dns: texts,
  /** What peers send through the tunnel. */
  clientRoutes: words("0.0.0.0/0", "::/0"),
  mtu: whole(1420),
  peers: list(PeerSchema),
});

const DyndnsSchema = v.object({
  ...named,
  provider: v.nullish(v.picklist(DYNDNS_PROVIDERS), "dyndns2"),
  hostnames: texts,
  server: text,
  user: text,
  password: text,
  passwordFile: text,
  /** `PATH#ITEM` of the cluster's variables. */
  passwordVariable: text,
  /** Cloudflare's zone id. */
  zoneId: text,
  url: text,
  /** Empty: the line in use. */
  wan: text,
  ipv4: on,
  ipv6: flag,
});

/** What a router is told, complete. Names in files are in `tables.ts`. Durations in ms, rates in kbit/s. */
export const RouterConfigSchema = v.object({
  wans: list(WanSchema),
  lans: list(LanSchema),
  zones: list(ZoneSchema),
  rules: list(RuleSchema),
  forwards: list(ForwardSchema),
  wireguards: list(WireguardSchema),
  dyndns: list(DyndnsSchema),
  routes: list(v.object({ ...named, to: v.string(), via: text, device: text, metric: integer })),
  hosts: list(v.object({ ...named, mac: v.string(), lan: text })),
  ntp: v.nullish(
    v.object({
      servers: words("0.debian.pool.ntp.org", "1.debian.pool.ntp.org", "2.debian.pool.ntp.org"),
      zones: words("lan"),
    }),
    null,
  ),
  upnp: v.nullish(v.object({ zones: words("lan") }), null),
  offload: flag,
});

export type RouterConfig = v.InferOutput<typeof RouterConfigSchema>;
export type Wan = RouterConfig["wans"][number];
export type Lan = RouterConfig["lans"][number];
export type Zone = RouterConfig["zones"][number];
export type Rule = RouterConfig["rules"][number];
export type Forward = RouterConfig["forwards"][number];
export type Wireguard = RouterConfig["wireguards"][number];
export type WireguardPeer = Wireguard["peers"][number];
export type Dyndns = RouterConfig["dyndns"][number];

/** Nothing at all: what stands when nothing was applied. */
export function emptyRouterConfig(): RouterConfig {
  return v.parse(RouterConfigSchema, {});
}
