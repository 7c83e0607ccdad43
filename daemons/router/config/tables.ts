import { durationMs, flag, text } from "#base/language/hcl/decode/readers.ts";
import { nestedBlock, to, type BlockTable, type NestedRule } from "#base/language/hcl/decode/table.ts";
import { ACTIONS, DHCPV6, DYNDNS_PROVIDERS, PROTOCOLS, WAN_KINDS } from "./model.ts";
import {
  address,
  addresses,
  between,
  host,
  hostAddress,
  interfaceName,
  line,
  listOf,
  mac,
  network,
  networks,
  oneOf,
  path,
  portList,
  rate,
  variableItem,
  wireguardKey,
  words,
} from "./readers.ts";

const vlan = to("vlan", between(1, 4094));
const mtu = to("mtu", between(1280, 9216));
const zone = to("zone", text);

const pppoe: BlockTable = {
  name: "pppoe",
  attributes: {
    user: to("user", line),
    password: to("password", line),
    password_file: to("passwordFile", path),
    password_variable: to("passwordVariable", variableItem),
    service: to("service", line),
  },
  blocks: {},
};

const health: BlockTable = {
  name: "health",
  attributes: {
    targets: to("targets", addresses),
    interval: to("intervalMs", durationMs),
    timeout: to("timeoutMs", durationMs),
    down_after: to("downAfter", between(1, 100)),
    up_after: to("upAfter", between(1, 100)),
  },
  blocks: {},
};

const qos: BlockTable = {
  name: "qos",
  attributes: {
    download: to("download", rate),
    upload: to("upload", rate),
    link: to("link", oneOf(["ethernet", "docsis", "pppoe-ptm", "bridged-ptm", "pppoe-llcsnap", "pppoa-vcmux"])),
  },
  blocks: {},
};

const wan = located({
  name: "wan",
  attributes: {
    interface: to("interface", interfaceName),
    type: to("kind", oneOf(WAN_KINDS)),
    vlan,
    mac: to("mac", mac),
    mtu,
    zone,
    address: to("addresses", listOf(hostAddress)),
    gateway: to("gateways", addresses),
    prefix: to("prefix", network),
    ipv6: to("ipv6", flag),
    prefix_length: to("prefixLength", between(48, 64)),
  },
  blocks: {
    pppoe: nestedBlock("pppoe", pppoe),
    health: nestedBlock("health", health),
    qos: nestedBlock("qos", qos),
  },
});

const lan = located({
  name: "lan",
  attributes: {
    interface: to("interfaces", listOf(interfaceName)),
    interfaces: to("interfaces", listOf(interfaceName)),
    bridge: to("bridge", flag),
    vlan,
    mtu,
    address: to("addresses", listOf(hostAddress)),
    zone,
    subnet: to("subnet", between(0, 65_535)),
    advertise: to("advertise", flag),
    dhcpv6: to("dhcpv6", oneOf(DHCPV6)),
    dns: to("dns", addresses),
    domain: to("domain", host),
  },
  blocks: {},
});

const zoneTable = located({
  name: "zone",
  attributes: { to: to("to", words), router: to("router", words), reject: to("reject", flag) },
  blocks: {},
});

const rule = located({
  name: "rule",
  attributes: {
    from: to("from", words),
    to: to("to", words),
    protocol: to("protocols", listOf(oneOf([...PROTOCOLS, "icmp"]))),
    port: to("ports", portList),
    source: to("source", networks),
    destination: to("destination", networks),
    action: to("action", oneOf(ACTIONS)),
  },
  blocks: {},
});

const forward = located({
  name: "forward",
  attributes: {
    port: to("ports", portList),
    protocol: to("protocols", listOf(oneOf(PROTOCOLS))),
    to: to("to", address),
    service: to("service", host),
    tag: to("tag", line),
    to_port: to("toPort", between(1, 65_535)),
    from: to("from", networks),
    wan: to("wans", words),
    hairpin: to("hairpin", flag),
  },
  blocks: {},
});

const peer = located({
  name: "peer",
  attributes: {
    public_key: to("publicKey", wireguardKey),
    preshared_key_file: to("presharedKeyFile", path),
    address: to("addresses", addresses),
    routes: to("routes", networks),
    endpoint: to("endpoint", line),
    keepalive: to("keepaliveSeconds", between(0, 65_535)),
  },
  blocks: {},
});

const wireguard = located({
  name: "wireguard",
  attributes: {
    port: to("port", between(1, 65_535)),
    address: to("addresses", listOf(hostAddress)),
    zone,
    key_file: to("keyFile", path),
    endpoint: to("endpoint", host),
    dns: to("dns", addresses),
    client_routes: to("clientRoutes", networks),
    mtu,
  },
  blocks: { peer: many("peers", peer) },
});

const dyndns = located({
  name: "dyndns",
  attributes: {
    provider: to("provider", oneOf(DYNDNS_PROVIDERS)),
    hostname: to("hostnames", listOf(host)),
    server: to("server", line),
    user: to("user", line),
    password: to("password", line),
    password_file: to("passwordFile", path),
    password_variable: to("passwordVariable", variableItem),
    zone_id: to("zoneId", host),
    url: to("url", line),
    wan: to("wan", text),
    ipv4: to("ipv4", flag),
    ipv6: to("ipv6", flag),
  },
  blocks: {},
});

const route = located({
  name: "route",
  attributes: {
    to: to("to", network),
    via: to("via", address),
    interface: to("device", interfaceName),
    metric: to("metric", between(0, 9999)),
  },
  blocks: {},
});

const hostTable = located({
  name: "host",
  attributes: { mac: to("mac", mac), lan: to("lan", text) },
  blocks: {},
});

/** The whole configuration. */
export const router: BlockTable = {
  name: "the router's configuration",
  attributes: { offload: to("offload", flag) },
  blocks: {
    wan: many("wans", wan),
    lan: many("lans", lan),
    zone: many("zones", zoneTable),
    rule: many("rules", rule),
    forward: many("forwards", forward),
    wireguard: many("wireguards", wireguard),
    dyndns: many("dyndns", dyndns),
    route: many("routes", route),
    host: many("hosts", hostTable),
    ntp: nestedBlock("ntp", {
      name: "ntp",
      attributes: { servers: to("servers", listOf(host)), zones: to("zones", words) },
      blocks: {},
    }),
    upnp: nestedBlock("upnp", { name: "upnp", attributes: { zones: to("zones", words) }, blocks: {} }),
  },
};

/** Blocks with a name, which becomes part of names of interfaces and chains. */
function many(field: string, table: BlockTable): NestedRule {
  return nestedBlock(field, table, { many: "list", label: "name" });
}

/** Remembers where the block stands, so that what contradicts another block is said at its place. */
function located(table: BlockTable): BlockTable {
  return {
    ...table,
    finish: (fields, { body }) => ({ ...fields, at: { start: body.start, end: body.start } }),
  };
}
