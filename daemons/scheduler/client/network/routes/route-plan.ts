import { formatAddress, parseAddress, type Address } from "#base/language/hcl/functions/address.ts";
import { formatSubnet, holds, overlaps, parseSubnet, type Subnet } from "./subnet.ts";

/** What a node says of its bridge in gossip: its subnets, and where it is reached on its own link, with spaces between. */
export const BRIDGE_TAG = "bridge";

/** Another node, as gossip knows it. */
export interface AnnouncedBridge {
  readonly node: string;
  /** Its address. */
  readonly host: string;
  /** Its {@link BRIDGE_TAG}. */
  readonly said: string;
}

export interface OwnNetwork {
  /** In CIDR notation; of this node's bridge. */
  readonly subnets: readonly string[];
  /** All addresses of this machine. */
  readonly addresses: readonly string[];
}

export interface SubnetRoute {
  readonly node: string;
  readonly subnet: string;
  readonly family: 4 | 6;
  /** The next hop; one that begins with fe80 is on the link by which `host` is reached. */
  readonly via: string;
  readonly host: string;
}

export interface RoutePlan {
  readonly routes: readonly SubnetRoute[];
  /** One sentence each. */
  readonly refused: readonly string[];
}

/** The most subnets that are routed; more are refused. */
export const MAX_ROUTES = 2048;
/** Larger ranges are nobody's bridge. */
const SHORTEST_PREFIX: Readonly<Record<Address["bits"], number>> = { 32: 8, 128: 32 };
/** Loopback, link-local and multicast (RFC 6890): no bridge has them. */
const NEVER = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/8", "fe80::/10", "ff00::/8"].flatMap(
  (text) => parseSubnet(text) ?? [],
);
const LINK_LOCAL = parseSubnet("fe80::/10");

/** The tag of this node; `linkLocal` undefined: not known, so nobody can route IPv6 to it by IPv4's address. */
export function announcement(subnets: readonly string[], linkLocal: string | undefined): string {
  const known = subnets.flatMap((text) => parseSubnet(text) ?? []).map(formatSubnet);
  return [...known, ...(linkLocal === undefined ? [] : [linkLocal])].join(" ");
}

/** Where the subnets of others are. What would take away addresses of this machine, or of another bridge, is refused. */
export function planRoutes(own: OwnNetwork, others: readonly AnnouncedBridge[]): RoutePlan {
  const routes: SubnetRoute[] = [];
  const refused: string[] = [];
  const mine = own.subnets.flatMap((text) => parseSubnet(text) ?? []);
  const addresses = own.addresses.flatMap((text) => parseAddress(text) ?? []);
  const taken: { readonly node: string; readonly subnet: Subnet }[] = [];
  for (const other of others.toSorted((a, b) => (a.node < b.node ? -1 : 1))) {
    const { subnets, linkLocal, problem } = read(other);
    if (problem !== "") refused.push(problem);
    for (const subnet of subnets) {
      const name = formatSubnet(subnet);
      const via = nextHop(subnet, other.host, linkLocal);
      const before = taken.find((each) => overlaps(each.subnet, subnet));
      if (mine.some((each) => overlaps(each, subnet)))
        refused.push(
          `${other.node} has ${name}, which this node's bridge has too: give each node a bridge_network_subnet of its own`,
        );
      else if (before !== undefined) refused.push(`${other.node} and ${before.node} both have ${name}`);
      else if (addresses.some((address) => holds(subnet, address)))
        refused.push(`${other.node} has ${name}, in which this machine's own addresses are`);
      else if (via === undefined) refused.push(`${other.node} has ${name} and tells no IPv6 address on its link`);
      else if (routes.length >= MAX_ROUTES) refused.push(`${name} of ${other.node}: more than ${MAX_ROUTES} subnets`);
      else {
        taken.push({ node: other.node, subnet });
        routes.push({ node: other.node, subnet: name, family: subnet.bits === 32 ? 4 : 6, via, host: other.host });
      }
    }
  }
  return { routes, refused };
}

/** IPv4 goes by either kind of address (RFC 5549), IPv6 only by its own. */
function nextHop(subnet: Subnet, host: string, linkLocal: string | undefined): string | undefined {
  return subnet.bits === 32 || parseAddress(host)?.bits === 128 ? host : linkLocal;
}

function read({ node, host, said }: AnnouncedBridge) {
  const words = said.split(" ").filter((word) => word !== "");
  const subnets: Subnet[] = [];
  let linkLocal: string | undefined;
  let problem = parseAddress(host) === undefined ? `${node}: ${JSON.stringify(host)} is no address` : "";
  for (const word of problem === "" ? words : []) {
    const subnet = parseSubnet(word);
    const address = parseAddress(word);
    if (subnet !== undefined && isBridge(subnet)) subnets.push(subnet);
    else if (address !== undefined && LINK_LOCAL !== undefined && holds(LINK_LOCAL, address))
      linkLocal = formatAddress(address.value, address.bits);
    else
      problem = `${node} says ${JSON.stringify(word)}, which is neither the subnet of a bridge nor an address on a link`;
  }
  return { subnets: subnets.slice(0, 2), linkLocal, problem };
}

function isBridge(subnet: Subnet): boolean {
  return subnet.prefix >= SHORTEST_PREFIX[subnet.bits] && !NEVER.some((each) => overlaps(each, subnet));
}
