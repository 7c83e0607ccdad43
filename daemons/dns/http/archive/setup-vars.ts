import type { Imported } from "./imported.ts";
import { takeConfig } from "./take-config.ts";

const flag = (value: string): boolean => value === "true";
/** Variables of Pi-hole 5, and what version 6 calls them. */
const COUNTERPARTS: Readonly<Record<string, { readonly path: string; readonly read: (value: string) => unknown }>> = {
  BLOCKING_ENABLED: { path: "dns.blocking.active", read: flag },
  CACHE_SIZE: { path: "dns.cache.size", read: Number },
  DNSSEC: { path: "dns.dnssec", read: flag },
  DNS_BOGUS_PRIV: { path: "dns.bogusPriv", read: flag },
  PIHOLE_DOMAIN: { path: "dns.domain.name", read: (value) => value },
  QUERY_LOGGING: { path: "dns.queryLogging", read: flag },
};
const SERVER = /^PIHOLE_DNS_\d{1,3}$/;
const REVERSE = ["REV_SERVER", "REV_SERVER_CIDR", "REV_SERVER_TARGET", "REV_SERVER_DOMAIN"];

/** `NAME=VALUE` lines of Pi-hole 5's setupVars.conf; of two with one name the later counts. */
export function takeSetupVars(text: string, imported: Imported): void {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name, value = ""] = /^\s*([A-Za-z0-9_]+)=(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== "") values.set(name, value.replace(/^"(.*)"$/, "$1"));
  }
  const others: string[] = [];
  for (const [name, value] of values) {
    const known = Object.hasOwn(COUNTERPARTS, name) ? COUNTERPARTS[name] : undefined;
    if (known !== undefined) takeConfig({ [known.path]: known.read(value) }, "", imported);
    else if (!SERVER.test(name) && !REVERSE.includes(name)) others.push(name);
  }
  const servers = [...values].filter(([name]) => SERVER.test(name)).map(([, value]) => value);
  if (servers.length > 0) takeConfig({ "dns.upstreams": servers }, "", imported);
  const [isOn, network = "", target = "", domain = ""] = REVERSE.map((name) => values.get(name));
  if (isOn === "true") takeConfig({ "dns.revServers": [`true,${network},${target},${domain}`] }, "", imported);
  if (others.length > 0) imported.leave(`setupVars.conf: no counterpart have ${others.sort().join(", ")}`);
}
