import { lanDevice, wanDevice, wireguardDevice } from "../config/devices.ts";
import type { RouterConfig, Wireguard } from "../config/model.ts";
import { bitsOf, parseIp } from "../address/ip.ts";
import { MAIN_TABLE, NOTHING, type Desired, type WantedRoute, type WantedTunnel } from "./desired.ts";
import type { RouterFacts } from "./facts.ts";
import { planForwards } from "./forwards.ts";
import { planLinks } from "./links.ts";
import { planPolicies, planUplinks } from "./uplinks.ts";
import { planPrograms } from "./programs.ts";
import { delegatedNetworks } from "./prefixes.ts";
import { rulesetOf } from "./ruleset.ts";
import { planSettings } from "./settings.ts";

/** What a person wrote and what is known → everything that shall stand. Pure: the same input gives the same plan. */
export function planRouter(config: RouterConfig, facts: RouterFacts): Desired {
  if (isEmpty(config)) return NOTHING;
  const networks = delegatedNetworks(config, facts);
  const forwards = planForwards(config, facts);
  const uplinks = planUplinks(config, facts);
  return {
    ruleset: rulesetOf(config, facts, forwards.forwards),
    links: planLinks(config),
    addresses: [
      ...uplinks.addresses,
      ...config.lans.flatMap((lan) => lan.addresses.map((address) => ({ device: lanDevice(lan), address }))),
      ...networks.addresses,
      ...config.wireguards.flatMap((each) =>
        each.addresses.map((address) => ({ device: wireguardDevice(each), address })),
      ),
    ],
    routes: [...uplinks.routes, ...networks.routes, ...ownRoutes(config)],
    policies: planPolicies(config, facts),
    settings: planSettings(config, facts),
    shapers: config.wans.flatMap((wan) =>
      wan.qos === null
        ? []
        : [
            {
              device: wanDevice(wan),
              uploadKbit: wan.qos.upload,
              downloadKbit: wan.qos.download,
              queue: wan.qos.download === 0 ? "" : `ifb-${wan.name}`,
              link: wan.qos.link,
            },
          ],
    ),
    tunnels: config.wireguards.map((each) => planTunnel(each, facts)),
    programs: planPrograms(config, facts),
    notes: forwards.notes,
  };
}

function isEmpty({ wans, lans, wireguards, routes }: RouterConfig): boolean {
  return wans.length + lans.length + wireguards.length + routes.length === 0;
}

/** Where a tunnel's private key is. */
export function keyFileOf({ keyFile, name }: Pick<Wireguard, "keyFile" | "name">, stateDir: string): string {
  return keyFile === "" ? `${stateDir}/keys/wg-${name}.key` : keyFile;
}

function planTunnel(wireguard: Wireguard, { stateDir }: RouterFacts): WantedTunnel {
  return {
    device: wireguardDevice(wireguard),
    port: wireguard.port,
    keyFile: keyFileOf(wireguard, stateDir),
    peers: wireguard.peers.map((peer) => ({
      publicKey: peer.publicKey,
      presharedKeyFile: peer.presharedKeyFile,
      allowed: [...peer.addresses.map((each) => `${each}/${bitsOf(parseIp(each) ?? { family: 4 })}`), ...peer.routes],
      endpoint: peer.endpoint,
      keepaliveSeconds: peer.keepaliveSeconds,
    })),
  };
}

function ownRoutes(config: RouterConfig): readonly WantedRoute[] {
  const main = { table: MAIN_TABLE, kind: "unicast" } as const;
  const behindPeers = config.wireguards.flatMap((each) =>
    each.peers.flatMap((peer) =>
      peer.routes.map((to) => ({
        ...main,
        family: familyOf(to),
        to,
        via: "",
        device: wireguardDevice(each),
        metric: 0,
      })),
    ),
  );
  const written = config.routes.map(({ to, via, device, metric }) => ({
    ...main,
    family: familyOf(to),
    to,
    via,
    device,
    metric,
  }));
  return [...written, ...behindPeers];
}

function familyOf(text: string): 4 | 6 {
  return text.includes(":") ? 6 : 4;
}
