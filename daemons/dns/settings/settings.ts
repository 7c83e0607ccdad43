import * as v from "valibot";

const count = (least: number, most: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const text = v.pipe(v.string(), v.maxLength(1024));
/** Ids are given once and never used again: query logs refer to them. */
const id = count(1, 2 ** 31);
const ids = v.optional(v.array(count(0, 2 ** 31)), [0]);
const comment = v.optional(text, "");
/** Seconds since the epoch; absent: nobody knows. */
const stamp = v.optional(count(0, 2 ** 40));
const stamps = { addedAt: stamp, changedAt: stamp };
const enabled = v.optional(v.boolean(), true);

export const MAX_LISTS = 500;
export const MAX_RULES = 20_000;
export const MAX_LOCAL_RECORDS = 100_000;

/** A server: `9.9.9.9`, `9.9.9.9:53`, `tcp://…`, `tls://name@1.1.1.1`, `https://dns.example/dns-query`. */
export const ServersSchema = v.array(v.pipe(text, v.minLength(1)));

const ListenSchema = v.strictObject({
  /** `host:port`; UDP and TCP. `0.0.0.0` and `::` stand for every address of the machine, as they come and go. */
  addresses: v.optional(v.array(text), ["0.0.0.0:53"]),
  /** `host:port` for DNS over TLS (RFC 7858). Empty: off. */
  tls: v.optional(v.array(text), []),
  /** `host:port` for DNS over HTTPS (RFC 8484), at /dns-query. Empty: off. */
  https: v.optional(v.array(text), []),
  /** PEM files for both. */
  certFile: v.optional(text, ""),
  keyFile: v.optional(text, ""),
});

const UpstreamSchema = v.strictObject({
  servers: v.optional(ServersSchema, []),
  /** `fastest`: the one that answers soonest, others tried now and then. `parallel`: all at once. `failover`: in order. */
  mode: v.optional(v.picklist(["fastest", "parallel", "failover"]), "fastest"),
  /** Until a question is given up. */
  timeoutMs: v.optional(count(100, 60_000), 5000),
  /** Random letter case in questions, checked in answers (0x20). */
  randomCase: v.optional(v.boolean(), true),
  /** Servers, by address, that resolve the names of servers. Empty: those servers above that are addresses. */
  bootstrap: v.optional(ServersSchema, []),
  /** PEM file with certificates of authorities for tls and https servers. Empty: those every system trusts. */
  caFile: v.optional(text, ""),
  /** DNSSEC: `pass` hands records on; `validate` relies on the AD bit of a validating upstream (unbound on this machine). */
  dnssec: v.optional(v.picklist(["pass", "validate"]), "pass"),
});

/** Questions below a domain, or about addresses in a network, go to servers of their own. */
const ConditionalSchema = v.strictObject({
  /** `corp.example`, or a network such as `192.168.1.0/24` or `fd00::/8` whose reverse names are meant. */
  match: v.pipe(text, v.minLength(1)),
  servers: ServersSchema,
  enabled,
});

const LocalRecordSchema = v.strictObject({
  /** May begin with `*.`: every name below that has no record of its own. */
  name: v.pipe(text, v.minLength(1)),
  type: v.picklist(["A", "AAAA", "CNAME", "PTR", "SRV", "TXT", "MX"]),
  /** Address; name; `priority weight port name`; text; `preference name`. */
  value: text,
  ttl: v.optional(count(0, 2 ** 31 - 1)),
  comment,
});

const LocalSchema = v.strictObject({
  records: v.optional(v.pipe(v.array(LocalRecordSchema), v.maxLength(MAX_LOCAL_RECORDS)), []),
  /** A file in the form of /etc/hosts, read again when it changes. */
  hostsFile: v.optional(text, ""),
  /** The house's own domain: names of leases and nodes are below it; questions below it never leave the house. */
  domain: v.optional(text, "lan"),
  /** Names without a dot are answered as if the domain stood behind them. */
  expandNames: v.optional(v.boolean(), true),
  ttl: v.optional(count(0, 86_400), 60),
  /** Where `.consul` is answered, `host:port`; empty: by the agent's DNS on this node. */
  consul: v.optional(text, ""),
  /** Names of private addresses nobody here knows are NXDOMAIN, and are not asked for outside (RFC 6303). */
  privateReverse: v.optional(v.boolean(), true),
});

export const BLOCK_MODES = ["null", "ip", "nxdomain", "nodata"] as const;

const BlockingSchema = v.strictObject({
  enabled,
  /** Blocking is off until then (ms since the epoch); 0: not paused. */
  pausedUntilMs: v.optional(v.number(), 0),
  mode: v.optional(v.picklist(BLOCK_MODES), "null"),
  /** What mode `ip` answers. */
  ipv4: v.optional(text, ""),
  ipv6: v.optional(text, ""),
  ttl: v.optional(count(0, 86_400), 2),
  /** An alias that leads to a blocked name is blocked. */
  cnameInspection: v.optional(v.boolean(), true),
  /** use-application-dns.net, iCloud private relay, DNS designated resolvers (RFC 9462). */
  specialDomains: v.optional(
    v.strictObject({
      mozillaCanary: v.optional(v.boolean(), true),
      icloudPrivateRelay: v.optional(v.boolean(), true),
      designatedResolver: v.optional(v.boolean(), true),
    }),
    {},
  ),
});

export const ListSchema = v.strictObject({
  id,
  /** `https://…`, `http://…`, `file:///…`, or `sample:NAME` for one that is shipped. */
  url: v.pipe(text, v.minLength(1)),
  kind: v.optional(v.picklist(["block", "allow"]), "block"),
  name: v.optional(text, ""),
  enabled,
  groups: ids,
  comment,
  ...stamps,
});

export const RuleSchema = v.strictObject({
  id,
  kind: v.picklist(["allow", "deny"]),
  match: v.picklist(["exact", "regex"]),
  /** A name; or a regular expression with `;querytype=`, `;invert`, `;reply=` behind it. */
  text: v.pipe(text, v.minLength(1)),
  enabled,
  groups: ids,
  comment,
  ...stamps,
});

/** Minutes of the week when a group's own lists, rules and services hold. */
export const ScheduleSchema = v.strictObject({
  days: v.array(v.picklist(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])),
  /** `HH:MM`, local time. Past midnight where the end is before the start. */
  from: v.pipe(v.string(), v.regex(/^([01]\d|2[0-3]):[0-5]\d$/)),
  to: v.pipe(v.string(), v.regex(/^([01]\d|2[0-3]):[0-5]\d$/)),
});

export const GroupSchema = v.strictObject({
  /** 0 is the default group: clients that nobody described, and what names no group. */
  id: count(0, 2 ** 31),
  name: v.pipe(text, v.minLength(1)),
  enabled,
  comment,
  /** Presets of services that are blocked. */
  services: v.optional(v.array(text), []),
  safeSearch: v.optional(v.boolean(), false),
  /** When given, the group blocks only then. */
  schedules: v.optional(v.array(ScheduleSchema), []),
  ...stamps,
});

export const ClientSchema = v.strictObject({
  id,
  /** Address, network, MAC address, or a name from leases. */
  match: v.pipe(text, v.minLength(1)),
  groups: ids,
  /** Servers of its own. Empty: the household's. */
  servers: v.optional(ServersSchema, []),
  comment,
  ...stamps,
});

const CacheSchema = v.strictObject({
  /** Replies kept; 0: no cache. */
  size: v.optional(count(0, 1_000_000), 10_000),
  minTtl: v.optional(count(0, 86_400), 0),
  maxTtl: v.optional(count(1, 604_800), 86_400),
  /** Longest time a negative answer is kept (RFC 2308 §5). */
  maxNegativeTtl: v.optional(count(0, 86_400), 3600),
  /** How long after its end an answer still serves when no server answers (RFC 8767). 0: not at all. */
  staleSeconds: v.optional(count(0, 604_800), 86_400),
  /** Answers asked for again within the last tenth of their life are fetched before they end. */
  prefetch: v.optional(v.boolean(), true),
});

const LimitsSchema = v.strictObject({
  /** Questions one client may ask in `rateSeconds`; 0: no limit. Loopback is free of it. */
  rateCount: v.optional(count(0, 1_000_000), 1000),
  rateSeconds: v.optional(count(1, 3600), 60),
  /** Questions that wait for an upstream at once. */
  inFlight: v.optional(count(1, 10_000), 1000),
  connections: v.optional(count(1, 10_000), 256),
  /** Largest UDP reply (RFC 9715 proposes 1232 or 1400). */
  udpBytes: v.optional(count(512, 4096), 1232),
  /** Networks that may ask; others are refused. Empty: loopback, private and this machine's own networks. */
  allowFrom: v.optional(v.array(text), []),
});

const LogSchema = v.strictObject({
  enabled,
  /** 0: everything; 1: names hidden; 2: names and clients hidden; 3: nothing but counts. */
  privacyLevel: v.optional(count(0, 3), 0),
  retentionDays: v.optional(count(0, 3650), 91),
  excludeClients: v.optional(v.array(text), []),
  excludeDomains: v.optional(v.array(text), []),
});

const UpdateSchema = v.strictObject({
  /** Hours between two downloads of the lists; 0: only when asked. */
  everyHours: v.optional(count(0, 8760), 24),
});

/** Texts of settings that Pi-hole has and this server has no use for. */
export const MAX_KEPT = 300;

/** The HTTP API, in the form of Pi-hole's. */
const ApiSchema = v.strictObject({
  /** `host:port`. Empty: off, unless the task has a port labelled `api`. */
  addresses: v.optional(v.array(text), []),
  /** `host:port`, with the certificate of `listen`. */
  https: v.optional(v.array(text), []),
  /** Made by `lares dns password`. Empty: only this machine itself may ask, and needs no password. */
  passwordHash: v.optional(text, ""),
  /** Of one more password, for programs; it needs no second factor. */
  appPasswordHash: v.optional(text, ""),
  /** Base32 (RFC 4648 §6) of the second factor's secret (RFC 6238). Empty: there is none. */
  totpSecret: v.optional(text, ""),
  /** A session nobody uses ends after so long. */
  sessionSeconds: v.optional(count(10, 31_536_000), 1800),
  maxSessions: v.optional(count(1, 1000), 16),
  /** Whether settings may be replaced by an archive, and the log forgotten. */
  allowDestructive: v.optional(v.boolean(), true),
  /** Settings, by their dotted names at Pi-hole, that are handed back as they were given and mean nothing here. */
  kept: v.optional(v.pipe(v.record(text, v.unknown()), v.maxEntries(MAX_KEPT)), {}),
});

/** All that can be configured: the file of a lone server, and the key `lares/dns/settings` of a cluster, as JSON. */
export const SettingsSchema = v.strictObject({
  listen: v.optional(ListenSchema, {}),
  upstream: v.optional(UpstreamSchema, {}),
  conditional: v.optional(v.array(ConditionalSchema), []),
  local: v.optional(LocalSchema, {}),
  blocking: v.optional(BlockingSchema, {}),
  lists: v.optional(v.pipe(v.array(ListSchema), v.maxLength(MAX_LISTS)), []),
  listUpdates: v.optional(UpdateSchema, {}),
  rules: v.optional(v.pipe(v.array(RuleSchema), v.maxLength(MAX_RULES)), []),
  groups: v.optional(v.array(GroupSchema), []),
  clients: v.optional(v.array(ClientSchema), []),
  cache: v.optional(CacheSchema, {}),
  limits: v.optional(LimitsSchema, {}),
  log: v.optional(LogSchema, {}),
  api: v.optional(ApiSchema, {}),
  /** The largest id that was ever given to a list or a rule through the API. */
  lastId: v.optional(count(0, 2 ** 31), 0),
});

export type Settings = v.InferOutput<typeof SettingsSchema>;
export type ListSettings = v.InferOutput<typeof ListSchema>;
export type RuleSettings = v.InferOutput<typeof RuleSchema>;
export type GroupSettings = v.InferOutput<typeof GroupSchema>;
export type ClientSettings = v.InferOutput<typeof ClientSchema>;

/** Everything at its default. */
export function defaultSettings(): Settings {
  return v.parse(SettingsSchema, {});
}
