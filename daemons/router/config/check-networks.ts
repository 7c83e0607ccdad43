import { contains, formatCidr, networkOf, overlaps, parseCidr, parseIp, type Cidr } from "../address/ip.ts";
import { checkReference, type Complain, type Place } from "./complain.ts";
import { isBridge, lanDevice, lanPorts, shaperDevice, wanDevice, wanLink, wireguardDevice } from "./devices.ts";
import type { RouterConfig } from "./model.ts";

const LONGEST_INTERFACE = 15;
const LAN_V6_LENGTH = 64;

/** Interfaces belong to one block each, and networks do not overlap. */
export function checkNetworks(config: RouterConfig, complain: Complain): void {
  checkDevices(config, complain);
  checkOverlaps(config, complain);
  for (const wireguard of config.wireguards) checkPeers(wireguard, complain);
  for (const lan of config.lans)
    for (const cidr of lan.addresses.map(parseCidr))
      if (cidr?.family === 6 && cidr.length !== LAN_V6_LENGTH && lan.advertise)
        complain(
          lan,
          `${formatCidr(cidr)}: hosts configure themselves only in a /64`,
          "use a /64, or set advertise = false",
        );
  const lans = config.lans.map((each) => each.name);
  for (const host of config.hosts)
    if (host.lan !== "") checkReference({ name: host.lan, known: lans, what: "lan" }, host, complain);
  for (const route of config.routes)
    if (route.via === "" && route.device === "")
      complain(route, "a route needs via or interface", 'add via = "192.168.1.2"');
}

function checkDevices(config: RouterConfig, complain: Complain): void {
  const users = new Map<string, string>();
  const use = (device: string, place: Place & { readonly name: string }): void => {
    const other = users.get(device);
    if (other !== undefined)
      complain(
        place,
        `${device} is used by ${JSON.stringify(other)} already`,
        "an interface (or a VLAN of it) has one use",
      );
    users.set(device, place.name);
    if (device.length > LONGEST_INTERFACE)
      complain(
        place,
        `the interface's name ${device} would be longer than ${LONGEST_INTERFACE} characters`,
        "use a shorter name",
      );
  };
  for (const wan of config.wans) {
    use(wanLink(wan), wan);
    if (wan.kind === "pppoe") use(wanDevice(wan), wan);
    if (wan.qos !== null) use(shaperDevice(wan), wan);
  }
  for (const lan of config.lans) {
    for (const port of lanPorts(lan)) use(port, lan);
    if (isBridge(lan)) use(lanDevice(lan), lan);
  }
  for (const wireguard of config.wireguards) use(wireguardDevice(wireguard), wireguard);
}

function checkOverlaps(config: RouterConfig, complain: Complain): void {
  const taken: { readonly network: Cidr; readonly name: string }[] = [];
  for (const block of [...config.wans, ...config.lans, ...config.wireguards]) {
    for (const address of block.addresses.map(parseCidr)) {
      if (address === undefined) continue;
      const network = networkOf(address);
      const other = taken.find((each) => overlaps(each.network, network));
      if (other !== undefined)
        complain(
          block,
          `${formatCidr(network)} overlaps ${formatCidr(other.network)} of ${JSON.stringify(other.name)}`,
          "each interface needs a network of its own",
        );
      taken.push({ network, name: block.name });
    }
  }
}

function checkPeers({ addresses, peers, ...wireguard }: RouterConfig["wireguards"][number], complain: Complain): void {
  if (addresses.length === 0) complain(wireguard, "a tunnel needs its address", 'add address = "10.99.0.1/24"');
  const networks = addresses.map(parseCidr).filter((each) => each !== undefined);
  const taken = new Map(networks.map((each) => [each.value, "the router"]));
  for (const peer of peers) {
    if (peer.addresses.length === 0) complain(peer, "a peer needs its address", "one in the tunnel's network");
    for (const text of peer.addresses) {
      const ip = parseIp(text);
      if (ip === undefined) continue;
      if (!networks.some((each) => contains(each, ip)))
        complain(
          peer,
          `${text} is not in the tunnel's network`,
          `that is ${networks.map((each) => formatCidr(networkOf(each))).join(", ")}`,
        );
      const other = taken.get(ip.value);
      if (other !== undefined) complain(peer, `${text} is the address of ${other} already`, "each peer needs its own");
      taken.set(ip.value, peer.name);
    }
  }
}
