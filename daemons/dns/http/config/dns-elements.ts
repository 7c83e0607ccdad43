import type { Settings } from "../../settings/settings.ts";
import { choice, flag, integer, kept, text, texts, type Element } from "./element.ts";
import {
  cnameLines,
  fromDnsmasq,
  hostLines,
  reverseServerLines,
  withCnameLines,
  withHostLines,
  withReverseServerLines,
} from "./local-records.ts";

const MODES = [
  ["NULL", "null"],
  ["IP", "ip"],
  ["IP_NODATA_AAAA", "ip"],
  ["NX", "nxdomain"],
  ["NODATA", "nodata"],
] as const;

/** `dns.*` (https://docs.pi-hole.net/ftldns/configfile/). */
export const DNS_ELEMENTS: readonly Element[] = [
  texts({
    path: "dns.upstreams",
    description: "Servers that are asked",
    initial: [],
    read: ({ upstream }) => upstream.servers,
    write: (settings, servers) => ({
      ...settings,
      upstream: { ...settings.upstream, servers: servers.map(fromDnsmasq) },
    }),
  }),
  blocking("dns.CNAMEdeepInspect", "Aliases of blocked names are blocked", "cnameInspection"),
  kept("dns.blockESNI", true),
  kept("dns.EDNS0ECS", true),
  kept("dns.ignoreLocalhost", false),
  kept("dns.showDNSSEC", true),
  kept("dns.analyzeOnlyAandAAAA", false),
  kept("dns.piholePTR", "PI.HOLE"),
  kept("dns.replyWhenBusy", "ALLOW"),
  integer({
    path: "dns.blockTTL",
    description: "TTL of blocked names, seconds",
    initial: 2,
    read: (settings) => settings.blocking.ttl,
    write: (settings, ttl) => ({ ...settings, blocking: { ...settings.blocking, ttl } }),
  }),
  texts({
    path: "dns.hosts",
    description: "Addresses of names of the house: ADDRESS NAME",
    initial: [],
    read: ({ local }) => hostLines(local.records),
    write: withHostLines,
  }),
  kept("dns.domainNeeded", false),
  local("dns.expandHosts", "Names without a dot are in the house's domain", "expandNames"),
  text({
    path: "dns.domain.name",
    description: "The house's domain",
    initial: "lan",
    read: (settings) => settings.local.domain,
    write: (settings, domain) => ({ ...settings, local: { ...settings.local, domain } }),
  }),
  kept("dns.domain.local", true),
  local("dns.bogusPriv", "Private addresses are not asked for outside", "privateReverse"),
  flag({
    path: "dns.dnssec",
    description: "Answers are validated by the upstream server",
    initial: false,
    read: (settings) => settings.upstream.dnssec === "validate",
    write: (settings, on) => ({ ...settings, upstream: { ...settings.upstream, dnssec: on ? "validate" : "pass" } }),
  }),
  kept("dns.interface", ""),
  kept("dns.hostRecord", ""),
  kept("dns.listeningMode", "LOCAL"),
  flag({
    path: "dns.queryLogging",
    description: "Questions are logged",
    initial: true,
    read: (settings) => settings.log.enabled,
    write: (settings, enabled) => ({ ...settings, log: { ...settings.log, enabled } }),
  }),
  texts({
    path: "dns.cnameRecords",
    description: "Aliases: ALIAS,TARGET[,TTL]",
    initial: [],
    read: ({ local: { records } }) => cnameLines(records),
    write: withCnameLines,
  }),
  kept("dns.port", 53),
  kept("dns.localise", true),
  texts({
    path: "dns.revServers",
    description: "Servers of networks and domains: true,NETWORK,SERVER,DOMAIN",
    initial: [],
    read: ({ conditional }) => reverseServerLines(conditional),
    write: withReverseServerLines,
  }),
  integer({
    path: "dns.cache.size",
    description: "Replies in the cache",
    initial: 10_000,
    read: ({ cache }) => cache.size,
    write: (settings, size) => ({ ...settings, cache: { ...settings.cache, size } }),
  }),
  integer({
    path: "dns.cache.optimizer",
    description: "Seconds an old answer may serve when no server answers",
    initial: 3600,
    read: ({ cache }) => cache.staleSeconds,
    write: (settings, staleSeconds) => ({ ...settings, cache: { ...settings.cache, staleSeconds } }),
  }),
  kept("dns.cache.upstreamBlockedTTL", 86_400),
  kept("dns.cache.rrtype", "ANY"),
  blocking("dns.blocking.active", "Names are blocked", "enabled"),
  choice({
    path: "dns.blocking.mode",
    description: "How blocked names are answered",
    initial: "NULL",
    allowed: MODES.map(([name]) => name),
    read: (settings) => MODES.find(([, mode]) => mode === settings.blocking.mode)?.[0] ?? "NULL",
    write: (settings, name) => {
      const mode = MODES.find(([known]) => known === name)?.[1] ?? "null";
      return { ...settings, blocking: { ...settings.blocking, mode } };
    },
  }),
  kept("dns.blocking.edns", "TEXT"),
  special("mozillaCanary", "mozillaCanary"),
  special("iCloudPrivateRelay", "icloudPrivateRelay"),
  special("designatedResolver", "designatedResolver"),
  kept("dns.reply.host.force4", false),
  kept("dns.reply.host.IPv4", ""),
  kept("dns.reply.host.force6", false),
  kept("dns.reply.host.IPv6", ""),
  kept("dns.reply.blocking.force4", false),
  address("dns.reply.blocking.IPv4", "ipv4"),
  kept("dns.reply.blocking.force6", false),
  address("dns.reply.blocking.IPv6", "ipv6"),
  limit("dns.rateLimit.count", "rateCount", 1000),
  limit("dns.rateLimit.interval", "rateSeconds", 60),
];

function blocking(path: string, description: string, key: "cnameInspection" | "enabled"): Element {
  const write = (settings: Settings, on: boolean): Settings => ({
    ...settings,
    blocking: {
      ...settings.blocking,
      [key]: on,
      pausedUntilMs: key === "enabled" ? 0 : settings.blocking.pausedUntilMs,
    },
  });
  return flag({ path, description, initial: true, read: (settings) => settings.blocking[key], write });
}

function local(path: string, description: string, key: "expandNames" | "privateReverse"): Element {
  return flag({
    path,
    description,
    initial: true,
    read: (settings) => settings.local[key],
    write: (settings, on) => ({ ...settings, local: { ...settings.local, [key]: on } }),
  });
}

function special(name: string, key: keyof Settings["blocking"]["specialDomains"]): Element {
  return flag({
    path: `dns.specialDomains.${name}`,
    description: "Names by which programs ask whether they may go past this server are blocked",
    initial: true,
    read: (settings) => settings.blocking.specialDomains[key],
    write: (settings, on) => ({
      ...settings,
      blocking: { ...settings.blocking, specialDomains: { ...settings.blocking.specialDomains, [key]: on } },
    }),
  });
}

function address(path: string, key: "ipv4" | "ipv6"): Element {
  return text({
    path,
    description: "What blocked names get in mode IP",
    initial: "",
    read: (settings) => settings.blocking[key],
    write: (settings, value) => ({ ...settings, blocking: { ...settings.blocking, [key]: value } }),
  });
}

function limit(path: string, key: "rateCount" | "rateSeconds", initial: number): Element {
  return integer({
    path,
    description: "How many questions a client may ask in how many seconds",
    initial,
    read: ({ limits }) => limits[key],
    write: (settings, value) => ({ ...settings, limits: { ...settings.limits, [key]: value } }),
  });
}
