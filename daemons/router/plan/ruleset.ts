import { lanDevice, wanDevice, zoneDevices } from "../config/devices.ts";
import type { RouterConfig } from "../config/model.ts";
import { zoneChains, type ZoneChains } from "./access.ts";
import type { RouterFacts, ServiceInstance } from "./facts.ts";
import type { ResolvedForward } from "./forwards.ts";
import { formatCidr } from "../address/ip.ts";
import { lanNetworks } from "./prefixes.ts";
import { chain, quoted, setOf } from "./nft-text.ts";
import { innerNetworks, lineAddresses } from "./uplinks.ts";

/** Beside {@link UPNP_TABLE} the only table that is ever touched. */
export const TABLE = "inet lares";
/** What miniupnpd fills: apart, so that a new ruleset closes no port it opened. */
export const UPNP_TABLE = "inet lares_upnp";
/** Connections a forward of ours leads inside; others' translations (containers) do not count as permitted. */
const FORWARDED = "0x10000";
const IS_FORWARDED = `ct mark & ${FORWARDED} == ${FORWARDED}`;
/** IPv4 and IPv6 headers with TCP's (RFC 6691). */
const HEADERS = { ipv4: 40, ipv6: 60 } as const;
const DEFAULT_PPPOE_MTU = 1492;

/** The whole table, replaced in one transaction: there is never a moment without a firewall. */
export function rulesetOf(config: RouterConfig, facts: RouterFacts, forwards: readonly ResolvedForward[]): string {
  const zones = zoneChains(config);
  const flow = flowtable(config, facts);
  return `${[
    `table ${TABLE}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    ...flow,
    ...guardChain(config, facts),
    ...markChains(config),
    ...natChains(config, facts, forwards),
    ...chain("input", "type filter hook input priority filter; policy accept;", inputRules(config, zones)),
    ...chain("forward", "type filter hook forward priority filter; policy accept;", [
      ...strangerRule(config),
      ...clampRules(config),
      ...(flow.length > 0 ? ["meta l4proto { tcp, udp } ct state established flow add @fast"] : []),
      ...forwardRules(config, zones, forwards),
    ]),
    ...zones.flatMap(({ zone, input, forward }) => [
      ...chain(`input_${zone}`, "", input),
      ...chain(`forward_${zone}`, "", forward),
    ]),
    "}",
    ...upnpTable(config),
  ].join("\n")}\n`;
}

function upnpTable({ upnp }: RouterConfig): readonly string[] {
  if (upnp === null) return [`table ${UPNP_TABLE}`, `delete table ${UPNP_TABLE}`];
  return [
    `table ${UPNP_TABLE} {`,
    ...chain("forward", "type filter hook forward priority filter + 1; policy accept;", []),
    ...chain("prerouting", "type nat hook prerouting priority dstnat + 1; policy accept;", []),
    ...chain("postrouting", "type nat hook postrouting priority srcnat + 1; policy accept;", []),
    "}",
  ];
}

/** Never a source on a wire (RFC 6890). */
const MARTIANS = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"];
const MARTIANS6 = ["::1", "ff00::/8", "::ffff:0:0/96"];
/** A host without an address asks for one. */
const UNDECIDED = "0.0.0.0";

/**
 * Nobody outside is one of us, and nobody inside is somebody else (RFC 2827). IPv6 inside: see {@link strangerRule}.
 * Every packet passes here: one look-up of where it came from, and one of what it says.
 */
function guardChain(config: RouterConfig, facts: RouterFacts): readonly string[] {
  const wans = config.wans.map(wanDevice);
  const lans = config.lans.map(lanDevice);
  if (wans.length + lans.length === 0) return [];
  const inner = [...innerNetworks(config), ...lanNetworks(config, facts).map(({ network }) => formatCidr(network))];
  const [inner4, inner6] = [inner.filter((each) => !each.includes(":")), inner.filter((each) => each.includes(":"))];
  const ways = [
    ...wans.map((device) => `${quoted(device)} : goto guard_wan`),
    ...lans.map((device) => `${quoted(device)} : goto guard_lan`),
  ];
  return [
    ...chain("guard_wan", "", [
      `ip saddr ${setOf([...MARTIANS, ...inner4])} drop`,
      `ip6 saddr ${setOf([...MARTIANS6, ...inner6])} drop`,
    ]),
    ...chain("guard_lan", "", [
      `ip saddr ${UNDECIDED} accept`,
      `ip saddr ${setOf(MARTIANS)} drop`,
      "meta nfproto ipv4 fib saddr . iif oif missing drop",
      `ip6 saddr ${setOf(MARTIANS6)} drop`,
    ]),
    ...chain("guard", "type filter hook prerouting priority raw; policy accept;", [
      `iifname vmap { ${ways.join(", ")} }`,
    ]),
  ];
}

/** Who still uses a prefix that is gone is told so, and takes another address (RFC 7084, L-14). */
function strangerRule({ lans }: RouterConfig): readonly string[] {
  if (lans.length === 0) return [];
  const from = `meta nfproto ipv6 iifname ${setOf(lans.map(lanDevice).map(quoted))}`;
  return [`${from} ip6 saddr != fe80::/10 fib saddr . iif oif missing reject with icmpv6 type policy-fail`];
}

/** With several lines: connections remember by which they came, and answers follow them. */
function markChains({ wans }: RouterConfig): readonly string[] {
  if (wans.length < 2) return [];
  const devices = wans.map(wanDevice).map(quoted);
  const follow = "ct direction reply ct mark & 0xff != 0 meta mark set ct mark & 0xff";
  return [
    ...chain("lines", "type filter hook prerouting priority mangle; policy accept;", [
      ...devices.map(
        (device, at) =>
          `iifname ${device} ct direction original ct mark set ct mark & 0xffffff00 | 0x${(at + 1).toString(16)}`,
      ),
      `iifname != ${setOf(devices)} ${follow}`,
    ]),
    ...chain("lines_own", "type route hook output priority mangle; policy accept;", [follow]),
  ];
}

function natChains(config: RouterConfig, facts: RouterFacts, forwards: readonly ResolvedForward[]): readonly string[] {
  const wans = config.wans.map(wanDevice).map(quoted);
  if (wans.length === 0) return [];
  return [
    ...chain(
      "forwards",
      "type nat hook prerouting priority dstnat; policy accept;",
      forwards.flatMap((each) => translation(config, facts, each)),
    ),
    ...chain("lines_out", "type nat hook postrouting priority srcnat; policy accept;", [
      ...hairpins(config),
      `meta nfproto ipv4 oifname ${setOf(wans)} masquerade`,
    ]),
  ];
}

/** The answer has to come back through here, or the client hears from a stranger. (What came in is not known in this hook.) */
function hairpins({ lans }: RouterConfig): readonly string[] {
  return lans.flatMap((lan) =>
    innerNetworks({ lans: [lan], wireguards: [] })
      .filter((network) => !network.includes(":"))
      .map((network) => `oifname "${lanDevice(lan)}" ip saddr ${network} ${IS_FORWARDED} masquerade`),
  );
}

function translation(
  config: RouterConfig,
  facts: RouterFacts,
  { forward, targets4 }: ResolvedForward,
): readonly string[] {
  if (targets4.length === 0) return [];
  const wans = config.wans.filter(({ name }) => forward.wans.length === 0 || forward.wans.includes(name));
  const inner = [...zoneDevices(config).values()]
    .flat()
    .filter((device) => !config.wans.some((wan) => wanDevice(wan) === device));
  const own = wans.flatMap((wan) => lineAddresses(wan, facts)).filter((each) => !each.includes(":"));
  const sources = forward.from.filter((each) => !each.includes(":"));
  if (forward.from.length > 0 && sources.length === 0) return [];
  const from = sources.length === 0 ? "" : `ip saddr ${setOf(sources)} `;
  // An accepted mark is no question of address: without the family, IPv6 to this machine would pass with it.
  const outside = `meta nfproto ipv4 iifname ${setOf(wans.map(wanDevice).map(quoted))} fib daddr type local `;
  const plain = own.map((each) => each.replace(/\/.*/, ""));
  const inside =
    forward.hairpin && inner.length > 0 && plain.length > 0
      ? [`iifname ${setOf(inner.map(quoted))} ip daddr ${setOf(plain)} `]
      : [];
  return [outside, ...inside].flatMap((where) =>
    forward.protocols.map(
      (protocol) =>
        `${where}${from}${protocol} dport ${portSet(forward.ports)} ct mark set ct mark | ${FORWARDED} dnat ip ${targetText(targets4)} comment "${forward.name}"`,
    ),
  );
}

/** A client stays with one of several instances. */
function targetText(targets: readonly ServiceInstance[]): string {
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) return `to ${only.address}${only.port === 0 ? "" : `:${only.port}`}`;
  const rows = targets.map(({ address, port }, at) => `${at} : ${address} . ${port}`);
  return `addr . port to jhash ip saddr mod ${targets.length} map { ${rows.join(", ")} }`;
}

function inputRules(config: RouterConfig, zones: readonly ZoneChains[]): readonly string[] {
  const wans = setOf(config.wans.map(wanDevice).map(quoted));
  const tunnels = config.wireguards.map(({ port }) => String(port));
  const ours = zones.flatMap(({ zone, devices }) => devices.map((device) => `"${device}" : jump input_${zone}`));
  return [
    "ct state established,related accept",
    "ct state invalid drop",
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, nd-router-solicit } ip6 hoplimit 255 accept",
    "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept",
    ...(config.wans.length > 0
      ? [
          `iifname ${wans} udp sport 67 udp dport 68 accept`,
          `iifname ${wans} ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept`,
        ]
      : []),
    ...(tunnels.length > 0 ? [`udp dport ${setOf(tunnels)} accept`] : []),
    `${IS_FORWARDED} accept`,
    ...(ours.length > 0 ? [`iifname vmap { ${ours.join(", ")} }`] : []),
  ];
}

function forwardRules(
  config: RouterConfig,
  zones: readonly ZoneChains[],
  forwards: readonly ResolvedForward[],
): readonly string[] {
  const inner = zones
    .flatMap(({ devices }) => devices)
    .filter((each) => !config.wans.some((wan) => wanDevice(wan) === each));
  const ours = zones.flatMap(({ zone, devices }) => devices.map((device) => `"${device}" : jump forward_${zone}`));
  return [
    "ct state established,related accept",
    "ct state invalid drop",
    `${IS_FORWARDED} accept`,
    ...(config.upnp !== null && inner.length > 0 ? [`ct status dnat oifname ${setOf(inner.map(quoted))} accept`] : []),
    ...forwards.flatMap((each) => openings(config, each)),
    ...(ours.length > 0 ? [`iifname vmap { ${ours.join(", ")} }`] : []),
  ];
}

/** IPv6 is not translated: a forward opens the way to the host. */
function openings(config: RouterConfig, { forward, targets6 }: ResolvedForward): readonly string[] {
  const wans = config.wans
    .filter(({ name }) => forward.wans.length === 0 || forward.wans.includes(name))
    .map(wanDevice);
  const sources = forward.from.filter((each) => each.includes(":"));
  if (wans.length === 0 || (forward.from.length > 0 && sources.length === 0)) return [];
  const from = sources.length === 0 ? "" : `ip6 saddr ${setOf(sources)} `;
  return targets6.flatMap(({ address, port }) =>
    forward.protocols.map(
      (protocol) =>
        `iifname ${setOf(wans.map(quoted))} ${from}ip6 daddr ${address} ${protocol} dport ${port === 0 ? portSet(forward.ports) : port} accept comment "${forward.name}"`,
    ),
  );
}

/** Lines with smaller packets than Ethernet's: both ends are told at the handshake, since many hosts drop what would tell them later. */
function clampRules({ wans }: RouterConfig): readonly string[] {
  return wans.flatMap((wan) => {
    const mtu = wan.mtu === 0 ? (wan.kind === "pppoe" ? DEFAULT_PPPOE_MTU : 0) : wan.mtu;
    if (mtu === 0) return [];
    const device = wanDevice(wan);
    const syn = "tcp flags & (syn | rst) == syn tcp option maxseg size set";
    return [
      `oifname "${device}" ${syn} rt mtu`,
      `iifname "${device}" meta nfproto ipv4 ${syn} ${mtu - HEADERS.ipv4}`,
      `iifname "${device}" meta nfproto ipv6 ${syn} ${mtu - HEADERS.ipv6}`,
    ];
  });
}

/** Established connections past most of the stack (nf_flowtable); interfaces have to exist when it is made. */
function flowtable(config: RouterConfig, { devices }: RouterFacts): readonly string[] {
  const own = [...zoneDevices(config).values()].flat().filter((each) => devices.has(each) && !each.startsWith("wg-"));
  if (!config.offload || own.length < 2) return [];
  return [
    "  flowtable fast {",
    "    hook ingress priority filter",
    `    devices = { ${own.map(quoted).join(", ")} }`,
    "  }",
  ];
}

function portSet(ports: readonly (readonly [number, number])[]): string {
  return setOf(ports.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)));
}
