import type { Settings } from "../../settings/settings.ts";
import { flag, integer, kept, text, texts, type Element } from "./element.ts";

/** What stands for a secret in answers; written back it changes nothing. */
export const MASKED = "********";

/** Everything but `dns.*` (https://docs.pi-hole.net/ftldns/configfile/). */
export const OTHER_ELEMENTS: readonly Element[] = [
  kept("dhcp.active", false),
  kept("dhcp.start", ""),
  kept("dhcp.end", ""),
  kept("dhcp.router", ""),
  kept("dhcp.netmask", ""),
  kept("dhcp.leaseTime", ""),
  kept("dhcp.ipv6", false),
  kept("dhcp.rapidCommit", false),
  kept("dhcp.multiDNS", false),
  kept("dhcp.logging", false),
  kept("dhcp.ignoreUnknownClients", false),
  kept("dhcp.hosts", []),
  kept("ntp.ipv4.active", true),
  kept("ntp.ipv4.address", ""),
  kept("ntp.ipv6.active", true),
  kept("ntp.ipv6.address", ""),
  kept("ntp.sync.active", true),
  kept("ntp.sync.server", "pool.ntp.org"),
  kept("ntp.sync.interval", 3600),
  kept("ntp.sync.count", 8),
  kept("ntp.sync.rtc.set", false),
  kept("ntp.sync.rtc.device", ""),
  kept("ntp.sync.rtc.utc", true),
  kept("resolver.resolveIPv4", true),
  kept("resolver.resolveIPv6", true),
  kept("resolver.networkNames", true),
  kept("resolver.refreshNames", "IPV4_ONLY"),
  kept("database.DBimport", true),
  integer({
    path: "database.maxDBdays",
    description: "Days queries are kept",
    initial: 91,
    read: ({ log }) => log.retentionDays,
    write: (settings, retentionDays) => ({ ...settings, log: { ...settings.log, retentionDays } }),
  }),
  kept("database.DBinterval", 60),
  kept("database.useWAL", true),
  kept("database.network.parseARPcache", true),
  kept("database.network.expire", 91),
  kept("webserver.domain", "pi.hole"),
  kept("webserver.acl", ""),
  kept("webserver.port", "80o,443os,[::]:80o,[::]:443os"),
  kept("webserver.threads", 50),
  kept("webserver.headers", []),
  kept("webserver.serve_all", false),
  api("webserver.session.timeout", "sessionSeconds", 1800),
  kept("webserver.session.restore", true),
  kept("webserver.tls.cert", ""),
  kept("webserver.tls.validity", 47),
  kept("webserver.paths.webroot", ""),
  kept("webserver.paths.webhome", "/admin/"),
  kept("webserver.paths.prefix", ""),
  kept("webserver.interface.boxed", true),
  kept("webserver.interface.theme", "default-auto"),
  api("webserver.api.max_sessions", "maxSessions", 16),
  kept("webserver.api.prettyJSON", false),
  secret("webserver.api.pwhash", "Hash of the password", "passwordHash"),
  secret("webserver.api.totp_secret", "The second factor", "totpSecret"),
  secret("webserver.api.app_pwhash", "Hash of the password for programs", "appPasswordHash"),
  kept("webserver.api.app_sudo", false),
  kept("webserver.api.cli_pw", true),
  hidden("webserver.api.excludeClients", "excludeClients"),
  hidden("webserver.api.excludeDomains", "excludeDomains"),
  kept("webserver.api.maxHistory", 86_400),
  kept("webserver.api.maxClients", 10),
  kept("webserver.api.client_history_global_max", true),
  flag({
    path: "webserver.api.allow_destructive",
    description: "Archives may be restored and the log forgotten",
    initial: true,
    read: (settings) => settings.api.allowDestructive,
    write: (settings, allowDestructive) => ({ ...settings, api: { ...settings.api, allowDestructive } }),
  }),
  kept("webserver.api.temp.limit", 60),
  kept("webserver.api.temp.unit", "C"),
  integer({
    path: "misc.privacylevel",
    description: "0 shows all, 1 hides names, 2 clients too, 3 everything",
    initial: 0,
    read: ({ log }) => log.privacyLevel,
    write: (settings, privacyLevel) => ({ ...settings, log: { ...settings.log, privacyLevel } }),
  }),
  kept("misc.delay_startup", 0),
  kept("misc.nice", -10),
  kept("misc.addr2line", true),
  kept("misc.etc_dnsmasq_d", false),
  kept("misc.dnsmasq_lines", []),
  kept("misc.extraLogging", false),
  kept("misc.readOnly", false),
  kept("misc.check.load", true),
  kept("misc.check.shmem", 90),
  kept("misc.check.disk", 90),
  kept("files.pid", "/run/pihole-FTL.pid"),
  kept("files.database", "/etc/pihole/pihole-FTL.db"),
  kept("files.gravity", "/etc/pihole/gravity.db"),
  kept("files.gravity_tmp", "/tmp"),
  kept("files.macvendor", "/macvendor.db"),
  kept("files.pcap", ""),
  kept("files.log.ftl", "/var/log/pihole/FTL.log"),
  kept("files.log.dnsmasq", "/var/log/pihole/pihole.log"),
  kept("files.log.webserver", "/var/log/pihole/webserver.log"),
  ...[
    "database networking locks queries flags shmem gc arp regex api tls overtime status caps dnssec vectors resolver",
    "edns0 clients aliasclients events helper config inotify webserver extra reserved ntp netlink timing all",
  ]
    .join(" ")
    .split(" ")
    .map((name) => kept(`debug.${name}`, false)),
];

function api(path: string, key: "sessionSeconds" | "maxSessions", initial: number): Element {
  return integer({
    path,
    description: key === "maxSessions" ? "Sessions at once" : "Seconds until a session nobody uses ends",
    initial,
    read: (settings) => settings.api[key],
    write: (settings, value) => ({ ...settings, api: { ...settings.api, [key]: value } }),
  });
}

function secret(path: string, description: string, key: "passwordHash" | "totpSecret" | "appPasswordHash"): Element {
  return text({
    path,
    description,
    initial: "",
    read: (settings) => (settings.api[key] === "" ? "" : MASKED),
    write: (settings: Settings, value) =>
      value === MASKED ? settings : { ...settings, api: { ...settings.api, [key]: value } },
  });
}

function hidden(path: string, key: "excludeClients" | "excludeDomains"): Element {
  return texts({
    path,
    description: "Regular expressions of what top lists and the log do not show",
    initial: [],
    read: ({ log }) => log[key],
    write: (settings, patterns) => ({ ...settings, log: { ...settings.log, [key]: patterns } }),
  });
}
