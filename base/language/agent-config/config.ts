import * as v from "valibot";
import { NODE_CHECKS } from "#base/protocol/catalog.ts";
import { AlertSchema } from "./alert-schema.ts";
import { BackupConfigSchema } from "./backup-config.ts";
import { off, on, settings, whole, word } from "./setting-schemas.ts";
import { integer, list, text, textMap, texts } from "#base/protocol/schema.ts";
import { StateSchema } from "./state-config.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const GOSSIP_PROFILES = ["lan", "wan", "local"] as const;
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;

/** Where each service listens; 0 switches it off. */
const PortsSchema = settings({
  http: whole(4646),
  rpc: whole(4647),
  /** The Consul API. */
  consul: whole(8500),
  dns: whole(8600),
  /** The Vault API. */
  vault: whole(8200),
  gossip: whole(8301),
  /** Of the etcd member that a server of several looks after: for clients of it, and for the other members. */
  etcd: whole(2379),
  etcdPeer: whole(2380),
});

/** Addresses to bind to (an IP, an interface as `{{ GetInterfaceIP "eth0" }}` or several separated by spaces); empty: `bindAddress`. */
const AddressesSchema = settings({ http: text, rpc: text, consul: text, dns: text, vault: text, gossip: text });

/** What other nodes are told; empty: the bound address. */
const AdvertiseSchema = settings({ http: text, rpc: text, gossip: text });

const JoinSchema = settings({
  retryJoin: texts,
  startJoin: texts,
  retryMax: whole(0),
  retryIntervalMs: whole(30 * SECOND),
});

const ServerSchema = settings({
  enabled: off,
  bootstrapExpect: whole(1),
  numSchedulers: v.nullish(v.number(), null),
  enabledSchedulers: texts,
  nodeGcThresholdMs: whole(24 * HOUR),
  jobGcThresholdMs: whole(4 * HOUR),
  jobGcIntervalMs: whole(5 * MINUTE),
  evalGcThresholdMs: whole(HOUR),
  batchEvalGcThresholdMs: whole(24 * HOUR),
  deploymentGcThresholdMs: whole(HOUR),
  heartbeatGraceMs: whole(10 * SECOND),
  minHeartbeatTtlMs: whole(10 * SECOND),
  maxHeartbeatsPerSecond: v.nullish(v.number(), 50),
  failoverHeartbeatTtlMs: whole(5 * MINUTE),
  jobDefaultPriority: whole(50),
  jobMaxPriority: whole(100),
  jobMaxCount: whole(50_000),
  jobTrackedVersions: whole(6),
  jobMaxSourceSize: whole(1_000_000),
  encrypt: text,
  /** Where others find the keys of workload identities; empty: nowhere. */
  oidcIssuer: text,
  rootKeyGcIntervalMs: whole(10 * MINUTE),
  rootKeyGcThresholdMs: whole(HOUR),
  rootKeyRotationThresholdMs: whole(720 * HOUR),
  /** Passphrase of snapshots; empty: they are not encrypted. */
  snapshotKey: text,
  serverJoin: JoinSchema,
  /** Whether a node that is new has to show a token, and how long those last. */
  clientIntroduction: settings({
    enforcement: v.nullish(v.picklist(["none", "warn", "strict"]), "warn"),
    defaultIdentityTtlMs: whole(5 * MINUTE),
    maxIdentityTtlMs: whole(30 * MINUTE),
  }),
  search: settings({ fuzzyEnabled: on, limitQuery: whole(20), limitResults: whole(100), minTermLength: whole(2) }),
  /** `schedulerAlgorithm`, `memoryOversubscription` and `preemption` of a new cluster. */
  defaultSchedulerConfig: settings({
    schedulerAlgorithm: v.nullish(v.picklist(["binpack", "spread"]), "binpack"),
    memoryOversubscriptionEnabled: off,
    rejectJobRegistration: off,
    pauseEvalBroker: off,
    preemptionConfig: settings({
      systemSchedulerEnabled: on,
      sysbatchSchedulerEnabled: off,
      batchSchedulerEnabled: off,
      serviceSchedulerEnabled: off,
    }),
  }),
});

export const HostVolumeConfigSchema = v.object({ name: v.string(), path: text, readOnly: off });
export const HostNetworkConfigSchema = v.object({ name: v.string(), cidr: text, interface: text, reservedPorts: text });

/** 0 attempts: for ever. */
const TemplateRetrySchema = settings({
  enabled: on,
  attempts: whole(0),
  backoffMs: whole(250),
  maxBackoffMs: whole(MINUTE),
});

const ClientSchema = settings({
  enabled: off,
  allocDir: text,
  allocMountsDir: text,
  stateDir: text,
  /** Where dynamic host volumes are made, and the programs that make them. Empty: in the data folder. */
  hostVolumesDir: text,
  hostVolumePluginDir: text,
  nodeClass: text,
  nodePool: word("default"),
  servers: texts,
  serverJoin: JoinSchema,
  meta: textMap,
  /** What `exec` tasks see of the machine: path → path in their root. Empty: the usual. */
  chrootEnv: textMap,
  /** Free options: `driver.allowlist`, `env.denylist` … */
  options: textMap,
  hostVolumes: list(HostVolumeConfigSchema),
  hostNetworks: list(HostNetworkConfigSchema),
  /** Kept for the machine itself. CPU in MHz, memory and disk in MB; `reservedPorts` as `22,80,8500-8600`. */
  reserved: settings({ cpu: integer, cores: text, memory: integer, disk: integer, reservedPorts: text }),
  networkInterface: text,
  networkSpeed: integer,
  /** Overrides what is measured; 0: measured. */
  cpuTotalCompute: integer,
  memoryTotalMb: integer,
  diskTotalMb: integer,
  diskFreeMb: integer,
  minDynamicPort: whole(20_000),
  maxDynamicPort: whole(32_000),
  maxKillTimeoutMs: whole(30 * SECOND),
  maxDynamicHostVolumes: integer,
  gcIntervalMs: whole(MINUTE),
  gcDiskUsageThreshold: v.nullish(v.number(), 80),
  gcInodeUsageThreshold: v.nullish(v.number(), 70),
  gcMaxAllocs: whole(50),
  gcParallelDestroys: whole(2),
  gcVolumesOnNodeGc: off,
  noHostUuid: on,
  cniPath: word("/opt/cni/bin:/usr/lib/cni"),
  cniConfigDir: word("/opt/cni/config"),
  bridgeNetworkName: word("nomad"),
  bridgeNetworkSubnet: word("172.26.64.0/20"),
  bridgeNetworkSubnetIpv6: text,
  bridgeNetworkHairpinMode: on,
  /** Nodes tell each other the subnets of their bridges, and route them. */
  bridgeNetworkRouted: off,
  bindWildcardDefaultHostNetwork: on,
  nomadServiceDiscovery: on,
  preferredAddressFamily: text,
  template: settings({
    functionDenylist: v.nullish(v.array(v.string()), () => ["plugin", "writeToFile"]),
    disableFileSandbox: off,
    maxStaleMs: whole(87_600 * HOUR),
    blockQueryWaitMs: whole(5 * MINUTE),
    /** For templates that name none. */
    wait: settings({ enabled: on, minMs: whole(5 * SECOND), maxMs: whole(4 * MINUTE) }),
    /** What jobs may ask for; 0: anything. */
    waitBounds: settings({ enabled: on, minMs: whole(0), maxMs: whole(0) }),
    consulRetry: TemplateRetrySchema,
    nomadRetry: TemplateRetrySchema,
    vaultRetry: TemplateRetrySchema,
  }),
  artifact: settings({
    httpReadTimeoutMs: whole(30 * MINUTE),
    httpMaxBytes: whole(100e9),
    gitTimeoutMs: whole(30 * MINUTE),
    disableFilesystemIsolation: off,
    /** Unpacked, in all; 0: any. */
    decompressionBytes: whole(100e9),
    decompressionFiles: whole(4096),
    /** Where `file:` sources may be. */
    localFolders: texts,
  }),
});

const TlsSchema = settings({
  http: off,
  rpc: off,
  caFile: text,
  certFile: text,
  keyFile: text,
  verifyServerHostname: off,
  verifyHttpsClient: off,
  tlsMinVersion: word("tls12"),
  tlsCipherSuites: text,
});

const AclSchema = settings({
  enabled: off,
  tokenTtlMs: whole(30 * SECOND),
  policyTtlMs: whole(30 * SECOND),
  roleTtlMs: whole(30 * SECOND),
  replicationToken: text,
  tokenMinExpirationTtlMs: whole(MINUTE),
  tokenMaxExpirationTtlMs: whole(24 * HOUR),
});

export const AuditSinkSchema = v.object({
  name: text,
  type: v.nullish(v.picklist(["file", "syslog"]), "file"),
  format: v.nullish(v.picklist(["json"]), "json"),
  deliveryGuarantee: v.nullish(v.picklist(["enforced", "best-effort"]), "enforced"),
  /** Of a file; empty: `audit/audit.log` below the data folder. */
  path: text,
  mode: whole(0o600),
  rotateBytes: whole(0),
  rotateDurationMs: whole(24 * HOUR),
  rotateMaxFiles: whole(0),
  /** Of a syslog server, `host:port` over UDP; empty: the machine's own. */
  address: text,
  facility: word("AUTHPRIV"),
});
export type AuditSinkConfig = v.InferOutput<typeof AuditSinkSchema>;

/** Where the tasks' secrets are, and how they log in. https://developer.hashicorp.com/nomad/docs/configuration/vault */
const VaultSchema = settings({
  enabled: off,
  address: word("https://vault.service.consul:8200"),
  namespace: text,
  /** Role of tasks that name none; empty: the login's default. */
  createFromRole: text,
  jwtAuthBackendPath: word("jwt-nomad"),
  caFile: text,
  certFile: text,
  keyFile: text,
  tlsServerName: text,
  tlsSkipVerify: off,
});

const AuditSchema = settings({
  enabled: off,
  sinks: list(AuditSinkSchema),
  filters: list(v.object({ name: text, endpoints: texts, stages: texts, operations: texts })),
});

const TelemetrySchema = settings({
  prometheusMetrics: off,
  collectionIntervalMs: whole(SECOND),
  inMemoryCollectionIntervalMs: whole(10 * SECOND),
  inMemoryRetentionPeriodMs: whole(MINUTE),
  publishAllocationMetrics: off,
  publishNodeMetrics: off,
  includeAllocMetadataInMetrics: off,
  disableHostname: off,
  useNodeName: off,
  statsdAddress: text,
  statsiteAddress: text,
  datadogAddress: text,
  datadogTags: texts,
  prefixFilter: texts,
});

const LimitsSchema = settings({
  httpMaxConnsPerClient: whole(100),
  httpsHandshakeTimeoutMs: whole(5 * SECOND),
  rpcMaxConnsPerClient: whole(100),
  rpcHandshakeTimeoutMs: whole(5 * SECOND),
  httpMaxBodyBytes: whole(8 * 1024 * 1024),
  kvMaxValueSize: whole(512 * 1024),
  txnMaxOps: whole(128),
});

const GossipSchema = settings({
  /** Null: where other machines can reach it, or where it is told whom to join. */
  enabled: v.nullish(v.boolean(), null),
  profile: v.nullish(v.picklist(GOSSIP_PROFILES), "lan"),
  tags: textMap,
  /** `host:port` for the `serf` command; empty: nowhere. */
  rpcAddress: text,
  rpcAuth: text,
  /** A failed member is tried again for so long, then it goes from the catalog. */
  reconnectTimeoutMs: whole(72 * HOUR),
  rejoinAfterLeave: off,
});

const DiscoverySchema = settings({
  enabled: on,
  domain: word("consul."),
  altDomain: text,
  encrypt: text,
  retryJoin: texts,
  startJoin: texts,
  retryMax: whole(0),
  retryIntervalMs: whole(30 * SECOND),
  gossip: GossipSchema,
  /** A folder of files with `service` and `check` blocks. */
  definitions: text,
  /** Tells the local network by mDNS that this node is there, and of which cluster. */
  announce: off,
  /** Commands of `lares exec` are ignored. */
  disableRemoteExec: v.nullish(v.boolean(), true),
  enableScriptChecks: off,
  enableLocalScriptChecks: off,
  nodeChecks: v.nullish(v.array(v.picklist(NODE_CHECKS)), () => []),
  nodeMeta: textMap,
  alerts: list(AlertSchema),
  dns: settings({
    nodeTtlMs: whole(0),
    /** By service name; `*` stands for all others. */
    serviceTtlMs: v.nullish(v.record(v.string(), v.number()), () => ({})),
    onlyPassing: off,
    recursors: texts,
    udpAnswerLimit: whole(3),
    enableTruncate: on,
    allowStale: on,
  }),
});

const IngressSchema = settings({
  enabled: off,
  httpPort: whole(80),
  httpsPort: whole(443),
  /** Directory of `NAME.pem` files. */
  certificates: text,
  /** A template that replaces the built-in HAProxy configuration. */
  template: text,
  virtualIp: text,
});

const SecretsSchema = settings({ enabled: off, address: text });

/**
 * What an agent is told, complete: every key has a value. Key names in files are Nomad's (snake case;
 * https://developer.hashicorp.com/nomad/docs/configuration) and some of our own. Durations in milliseconds, sizes in bytes.
 */
export const AgentConfigSchema = settings({
  region: word("global"),
  datacenter: word("dc1"),
  /** Empty: the host's name. */
  name: text,
  /** Empty: the agent's default. */
  dataDir: text,
  pluginDir: text,
  /** Loopback: who wants to be reached from other machines says so. */
  bindAddress: word("127.0.0.1"),
  logLevel: v.nullish(v.picklist(LOG_LEVELS), "info"),
  logJson: off,
  logFile: text,
  logRotateBytes: whole(0),
  logRotateDurationMs: whole(24 * HOUR),
  logRotateMaxFiles: whole(0),
  enableSyslog: off,
  syslogFacility: word("LOCAL0"),
  enableDebug: off,
  leaveOnInterrupt: off,
  leaveOnTerminate: off,
  disableUpdateCheck: on,
  httpApiResponseHeaders: textMap,
  addresses: AddressesSchema,
  ports: PortsSchema,
  advertise: AdvertiseSchema,
  server: ServerSchema,
  state: StateSchema,
  backup: BackupConfigSchema,
  client: ClientSchema,
  /** `plugin "docker" { config { … } }`: driver name → its configuration, which the driver checks. */
  plugins: v.nullish(v.record(v.string(), v.record(v.string(), v.unknown())), () => ({})),
  tls: TlsSchema,
  acl: AclSchema,
  audit: AuditSchema,
  telemetry: TelemetrySchema,
  limits: LimitsSchema,
  ui: settings({ enabled: on, label: textMap }),
  discovery: DiscoverySchema,
  ingress: IngressSchema,
  secrets: SecretsSchema,
  vault: VaultSchema,
});
export type AgentConfig = v.InferOutput<typeof AgentConfigSchema>;

/** The configuration of an agent that was told nothing. */
export function defaultAgentConfig(): AgentConfig {
  return v.parse(AgentConfigSchema, {});
}
