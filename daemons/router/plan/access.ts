import { readServicePort } from "../config/check-access.ts";
import { zoneNames } from "../config/complain.ts";
import { zoneDevices } from "../config/devices.ts";
import type { RouterConfig, Rule } from "../config/model.ts";
import { quoted, setOf } from "./nft-text.ts";

/** What a zone may do unless its block says otherwise. */
interface Access {
  readonly to: readonly string[];
  readonly router: readonly string[];
  /** Refused with an answer, so that programs inside do not hang; strangers get none. */
  readonly reject: boolean;
}

const CLOSED: Access = { to: [], router: ["ping"], reject: false };
const OPEN: Access = { to: ["*"], router: ["all"], reject: true };
const GUEST: Access = { to: ["wan"], router: ["dhcp", "dns", "ntp", "ping"], reject: true };
const USUAL: ReadonlyMap<string, Access> = new Map([
  ["wan", CLOSED],
  ["lan", OPEN],
  ["vpn", OPEN],
]);

const SERVICE_RULES: Readonly<Record<string, readonly string[]>> = {
  all: ["accept"],
  dhcp: ["meta nfproto ipv4 udp dport 67 accept", "meta nfproto ipv6 udp dport 547 accept"],
  dns: ["meta l4proto { tcp, udp } th dport 53 accept", "tcp dport 853 accept"],
  ntp: ["udp dport 123 accept"],
  ping: ["icmp type echo-request accept", "icmpv6 type echo-request accept"],
  ssh: ["tcp dport 22 accept"],
  mdns: ["udp dport 5353 accept"],
  upnp: ["udp dport { 1900, 5351 } accept", "tcp dport 5000 accept"],
};

/** The chains of one zone: what comes from it for this machine, and through it. */
export interface ZoneChains {
  readonly zone: string;
  readonly devices: readonly string[];
  readonly input: readonly string[];
  readonly forward: readonly string[];
}

export function zoneChains(config: RouterConfig): readonly ZoneChains[] {
  const devices = zoneDevices(config);
  return zoneNames(config).flatMap((zone) => {
    const own = devices.get(zone) ?? [];
    return own.length === 0 ? [] : [{ zone, devices: own, ...chainsOf(config, zone, devices) }];
  });
}

function chainsOf(
  config: RouterConfig,
  zone: string,
  devices: ReadonlyMap<string, readonly string[]>,
): Pick<ZoneChains, "input" | "forward"> {
  const access = accessOf(config, zone);
  const end = access.reject ? "reject with icmpx type admin-prohibited" : "drop";
  const rules = config.rules.filter(({ from }) => from.includes(zone) || from.includes("*"));
  const upnp = config.upnp?.zones.includes(zone) === true ? ["upnp"] : [];
  const ntp = config.ntp?.zones.includes(zone) === true ? ["ntp"] : [];
  return {
    input: [
      ...rules.filter(({ to }) => to.includes("router") || to.includes("*")).flatMap((rule) => ruleText(rule, "")),
      ...[...new Set([...access.router, ...upnp, ...ntp])].flatMap(serviceText),
      end,
    ],
    forward: [
      ...rules.flatMap((rule) =>
        rule.to.includes("*") ? ruleText(rule, "") : zonesOf(rule.to, devices).flatMap((to) => ruleText(rule, to)),
      ),
      ...(access.to.includes("*") ? ["accept"] : zonesOf(access.to, devices).map((to) => `${to}accept`)),
      end,
    ],
  };
}

function accessOf(config: RouterConfig, zone: string): Access {
  const usual = USUAL.get(zone) ?? GUEST;
  const written = config.zones.find(({ name }) => name === zone);
  if (written === undefined) return usual;
  const { to, router, reject } = written;
  // A block says what a zone may do, and no more; the usual zones keep what it does not speak of.
  return {
    to: to.length > 0 ? to : usual.to,
    router: router.length > 0 ? router : usual.router,
    reject: reject ?? usual.reject,
  };
}

/** `oifname { … } ` for the interfaces of zones; nothing for zones without one. */
function zonesOf(names: readonly string[], devices: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const all = names.flatMap((name) => devices.get(name) ?? []);
  return all.length === 0 ? [] : [`oifname ${setOf(all.map(quoted))} `];
}

function serviceText(name: string): readonly string[] {
  const port = readServicePort(name);
  if (port === undefined) return SERVICE_RULES[name] ?? [];
  return [`${port.protocol} dport ${port.from}-${port.to} accept`];
}

/** A rule in nft's words; one for each family its networks are of. */
function ruleText(rule: Rule, out: string): readonly string[] {
  const verdict = rule.action === "reject" ? "reject with icmpx type admin-prohibited" : rule.action;
  const networks = [...rule.source, ...rule.destination];
  const families = networks.length === 0 ? [""] : ["ip", "ip6"].filter((family) => isPossible(rule, family));
  return families.flatMap((family) => {
    const own = (list: readonly string[]): readonly string[] =>
      list.filter((each) => (family === "ip6") === each.includes(":"));
    const match = [
      ...(rule.source.length > 0 ? [`${family} saddr ${setOf(own(rule.source))} `] : []),
      ...(rule.destination.length > 0 ? [`${family} daddr ${setOf(own(rule.destination))} `] : []),
    ].join("");
    return protocolTexts(rule, family).map((protocol) => `${out}${match}${protocol}${verdict}`);
  });
}

function isPossible({ source, destination }: Rule, family: string): boolean {
  return [source, destination].every(
    (list) => list.length === 0 || list.some((each) => (family === "ip6") === each.includes(":")),
  );
}

function protocolTexts({ protocols, ports }: Rule, family: string): readonly string[] {
  if (protocols.length === 0) return [""];
  const dport =
    ports.length === 0
      ? ""
      : `dport ${setOf(ports.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)))} `;
  return protocols.flatMap((protocol) => {
    if (protocol !== "icmp") return [dport === "" ? `meta l4proto ${protocol} ` : `${protocol} ${dport}`];
    const both = ["meta l4proto icmp ", "meta l4proto ipv6-icmp "];
    return family === "" ? both : both.slice(family === "ip" ? 0 : 1, family === "ip" ? 1 : 2);
  });
}
