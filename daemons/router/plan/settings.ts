import { lanDevice, wanDevice, wireguardDevice } from "../config/devices.ts";
import type { RouterConfig } from "../config/model.ts";
import type { RouterFacts } from "./facts.ts";
import { metricOf } from "./uplinks.ts";

/** Kernel settings (Documentation/networking/ip-sysctl). Interfaces that come later get theirs when they are there. */
export function planSettings(config: RouterConfig, facts: RouterFacts): ReadonlyMap<string, string> {
  const settings = new Map<string, string>([
    ["net/ipv4/ip_forward", "1"],
    ["net/ipv6/conf/all/forwarding", "1"],
  ]);
  for (const [at, wan] of config.wans.entries()) {
    const device = wanDevice(wan);
    if (wan.kind === "pppoe" && !facts.devices.has(device)) continue;
    // Loose with several lines: an answer may come by another than the best way back (RFC 3704, 2.4).
    settings.set(`net/ipv4/conf/${device}/rp_filter`, config.wans.length > 1 ? "2" : "1");
    settings.set(`net/ipv4/conf/${device}/accept_redirects`, "0");
    settings.set(`net/ipv6/conf/${device}/accept_redirects`, "0");
    // A router takes advertisements only where it is told to.
    settings.set(`net/ipv6/conf/${device}/accept_ra`, wan.ipv6 ? "2" : "0");
    if (wan.ipv6) settings.set(`net/ipv6/conf/${device}/ra_defrtr_metric`, String(metricOf(config, facts, at)));
  }
  const inside = [...config.lans.map(lanDevice), ...config.wireguards.map(wireguardDevice)];
  for (const device of inside) settings.set(`net/ipv6/conf/${device}/accept_ra`, "0");
  return settings;
}
