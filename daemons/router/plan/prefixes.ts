import { bitsOf, formatCidr, formatIp, parseCidr, type Cidr } from "../address/ip.ts";
import { lanDevice } from "../config/devices.ts";
import type { Lan, RouterConfig } from "../config/model.ts";
import { MAIN_TABLE, type WantedAddress, type WantedRoute } from "./desired.ts";
import { UNKNOWN_LINE, type RouterFacts } from "./facts.ts";

const LAN_LENGTH = 64;
const LAST_RESORT = 4_294_967_295;

export interface LanNetwork {
  readonly lan: Lan;
  /** The /64. */
  readonly network: Cidr;
  /** False: its line is down, hosts shall use another for what they begin (RFC 4862, 5.5.4). */
  readonly preferred: boolean;
}

/** The /64s of LANs: one of each line's prefix, counted by `subnet` or by the order of the file. */
export function lanNetworks(config: RouterConfig, facts: RouterFacts): readonly LanNetwork[] {
  return config.wans.flatMap((wan) => {
    const { prefix, healthy } = facts.lines[wan.name] ?? UNKNOWN_LINE;
    const networks = wan.ipv6 ? networksIn(wan.prefix === "" ? prefix : wan.prefix, config) : [];
    return networks.map((each) => ({ ...each, preferred: healthy }));
  });
}

/** The /64s LANs had of prefixes that are gone. */
export function formerNetworks(config: RouterConfig, facts: RouterFacts): readonly Omit<LanNetwork, "preferred">[] {
  return config.wans.flatMap((wan) => {
    const { formerPrefixes } = facts.lines[wan.name] ?? UNKNOWN_LINE;
    return wan.ipv6 && wan.prefix === "" ? formerPrefixes.flatMap((prefix) => networksIn(prefix, config)) : [];
  });
}

function networksIn(prefix: string, { lans }: RouterConfig): readonly Omit<LanNetwork, "preferred">[] {
  const whole = parseCidr(prefix);
  if (whole?.family !== 6 || whole.length > LAN_LENGTH) return [];
  const room = 1n << BigInt(LAN_LENGTH - whole.length);
  return lans.flatMap((lan, at) => {
    const subnet = BigInt(lan.subnet ?? at);
    if (!lan.advertise || subnet >= room) return [];
    const value = whole.value + (subnet << BigInt(LAN_LENGTH));
    return [{ lan, network: { family: 6, value, length: LAN_LENGTH } }];
  });
}

/** The router's own addresses in them; what is delegated and unused leads nowhere (RFC 7084, WPD-5). */
export function delegatedNetworks(
  config: RouterConfig,
  facts: RouterFacts,
): { readonly addresses: readonly WantedAddress[]; readonly routes: readonly WantedRoute[] } {
  const addresses = lanNetworks(config, facts).map(({ lan, network }) => ({
    device: lanDevice(lan),
    address: `${formatIp({ family: 6, value: network.value + 1n })}/${network.length}`,
  }));
  const prefixes = config.wans.flatMap((wan) => {
    const prefix = parseCidr(wan.prefix === "" ? (facts.lines[wan.name]?.prefix ?? "") : wan.prefix);
    return wan.ipv6 && prefix !== undefined && prefix.length < bitsOf(prefix) ? [formatCidr(prefix)] : [];
  });
  const nowhere = {
    family: 6,
    table: MAIN_TABLE,
    kind: "unreachable",
    via: "",
    device: "",
    metric: LAST_RESORT,
  } as const;
  return { addresses, routes: prefixes.map((to) => ({ ...nowhere, to })) };
}
