import { didYouMean } from "#base/language/nearest.ts";
import { parseCidrOrIp } from "../address/ip.ts";
import { hasOneSecret } from "./check-lines.ts";
import { checkReference, zoneNames, type Complain } from "./complain.ts";
import { ROUTER_SERVICES, type Dyndns, type RouterConfig, type Rule } from "./model.ts";

/** Zones, rules and what else refers to them. */
export function checkAccess(config: RouterConfig, complain: Complain): void {
  const zones = zoneNames(config);
  for (const zone of config.zones) {
    for (const name of zone.to)
      if (name !== "*") checkReference({ name, known: [...zones, "*"], what: "zone" }, zone, complain);
    for (const name of zone.router)
      if (readServicePort(name) === undefined && !ROUTER_SERVICES.some((each) => each === name))
        complain(
          zone,
          `router: ${JSON.stringify(name)} is not known`,
          `${didYouMean(name, ROUTER_SERVICES) ?? ""}; or write "tcp/8080"`,
        );
  }
  for (const rule of config.rules) checkRule(rule, zones, complain);
  if (config.ntp !== null)
    for (const name of config.ntp.zones) checkReference({ name, known: zones, what: "zone" }, START, complain);
  if (config.upnp !== null) {
    for (const name of config.upnp.zones) checkReference({ name, known: zones, what: "zone" }, START, complain);
    if (config.upnp.zones.includes("wan"))
      complain(START, "upnp: the zone wan would let strangers open ports", "name inner zones only");
    if (config.wans.length === 0) complain(START, "upnp needs a wan", "add one, or remove the block");
  }
  for (const each of config.dyndns) checkDyndns(each, config, complain);
}

/** Of blocks that exist once and keep no place. */
const START = { at: { start: 0, end: 0 } };

/** `tcp/8080`, `udp/5000-5010`. */
export function readServicePort(
  text: string,
): { readonly protocol: "tcp" | "udp"; readonly from: number; readonly to: number } | undefined {
  const [, protocol, from, to] = /^(tcp|udp)\/(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (protocol !== "tcp" && protocol !== "udp") return undefined;
  const range = { protocol, from: Number(from), to: Number(to ?? from) } as const;
  return range.from >= 1 && range.from <= range.to && range.to <= 65_535 ? range : undefined;
}

function checkRule(rule: Rule, zones: readonly string[], complain: Complain): void {
  const known = [...zones, "*"];
  for (const name of rule.from) checkReference({ name, known, what: "zone" }, rule, complain);
  for (const name of rule.to) checkReference({ name, known: [...known, "router"], what: "zone" }, rule, complain);
  if (rule.ports.length > 0 && !rule.protocols.some((each) => each !== "icmp"))
    complain(rule, "ports belong to a protocol", 'add protocol = "tcp"');
  const families = (texts: readonly string[]): Set<number> =>
    new Set(texts.flatMap((each) => parseCidrOrIp(each)?.family ?? []));
  const source = families(rule.source);
  const destination = families(rule.destination);
  if (source.size > 0 && destination.size > 0 && source.isDisjointFrom(destination))
    complain(rule, "source and destination are of different families: no packet is both", "use IPv4 or IPv6 in both");
}

function checkDyndns(dyndns: Dyndns, { wans }: RouterConfig, complain: Complain): void {
  const need = (ok: boolean, key: string): void => {
    if (!ok) complain(dyndns, `${dyndns.provider} needs ${key}`, `add ${key.split(/[ ,]/)[0] ?? key} = …`);
  };
  if (dyndns.wan !== "")
    checkReference({ name: dyndns.wan, known: wans.map((each) => each.name), what: "wan" }, dyndns, complain);
  if (dyndns.provider !== "url") {
    need(dyndns.hostnames.length > 0, "hostname");
    need(hasOneSecret(dyndns), "password_variable, password_file or password, one of them");
  }
  if (dyndns.provider === "dyndns2") {
    need(dyndns.user !== "", "user");
    need(dyndns.server !== "", "server");
  }
  if (dyndns.provider === "cloudflare") need(dyndns.zoneId !== "", "zone_id");
  if (dyndns.provider === "url") need(/^https?:\/\/[^/]/.test(dyndns.url), "url (http:// or https://)");
  if (!dyndns.ipv4 && !dyndns.ipv6) complain(dyndns, "neither ipv4 nor ipv6 is to be told", "set one of them");
}
