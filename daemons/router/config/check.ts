import type { Complaint } from "#base/language/hcl/diagnostic.ts";
import { checkAccess } from "./check-access.ts";
import { checkForwards } from "./check-forwards.ts";
import { checkLines } from "./check-lines.ts";
import { checkNetworks } from "./check-networks.ts";
import type { Complain, Place } from "./complain.ts";
import type { RouterConfig } from "./model.ts";
import { nameProblem } from "./readers.ts";

/** What contradicts itself though every key is right: each at the block that has to change. */
export function checkRouterConfig(config: RouterConfig): readonly Complaint[] {
  const found: Complaint[] = [];
  const complain: Complain = ({ at }, message, hint) => {
    const complaint = { code: "router_config", message, span: at };
    found.push(hint === undefined ? complaint : { ...complaint, hint });
  };
  checkNames(config, complain);
  checkLines(config, complain);
  checkNetworks(config, complain);
  checkForwards(config, complain);
  checkAccess(config, complain);
  return found;
}

function checkNames(config: RouterConfig, complain: Complain): void {
  const { wans, lans, zones, rules, forwards, wireguards, dyndns, routes, hosts } = config;
  const kinds = {
    wan: wans,
    lan: lans,
    zone: zones,
    rule: rules,
    forward: forwards,
    wireguard: wireguards,
    dyndns,
    route: routes,
    host: hosts,
  };
  for (const [kind, blocks] of Object.entries(kinds)) {
    checkOneKind(kind, blocks, complain);
  }
  for (const wireguard of wireguards) checkOneKind("peer", wireguard.peers, complain);
  for (const zone of zones)
    if (zone.name === "router") complain(zone, 'a zone cannot be called "router"', "it stands for this machine itself");
}

function checkOneKind(kind: string, blocks: readonly (Place & { readonly name: string })[], complain: Complain): void {
  const seen = new Set<string>();
  for (const block of blocks) {
    const problem = nameProblem(block.name);
    if (problem !== undefined) complain(block, `${kind}: ${problem}`);
    if (seen.has(block.name))
      complain(block, `there are two ${kind} blocks ${JSON.stringify(block.name)}`, "rename one");
    seen.add(block.name);
  }
}
