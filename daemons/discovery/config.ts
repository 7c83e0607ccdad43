import type { AlertRule } from "./alerts/alert-rule.ts";
import type { NodeCheck } from "#base/protocol/catalog.ts";

/** What a node's discovery needs to know of itself. */
export interface DiscoveryConfig {
  readonly nodeName: string;
  /** UUID. */
  readonly nodeId: string;
  readonly datacenter: string;
  /** The DNS zone, without dots around it. Default `consul`. */
  readonly domain?: string;
  /** A second zone that answers the same. */
  readonly altDomain?: string;
  /** Where the DNS server listens. */
  readonly bindAddr: string;
  /** 0 takes a free one; undefined: no DNS server. */
  readonly dnsPort?: number;
  /** The address other nodes reach this one at: what the catalog holds. */
  readonly advertiseAddr: string;
  readonly nodeMeta?: Readonly<Record<string, string>>;
  /** Port of the HTTP API, for the `consul` service. Default 8500. */
  readonly httpPort?: number;
  /** Registers the `consul` service. Default true. */
  readonly server?: boolean;
  /** Default false: checks may not run programs. */
  readonly enableScriptChecks?: boolean;
  /** The same for checks that files define. */
  readonly enableLocalScriptChecks?: boolean;
  /** Whether commands of `lares exec` are ignored. Default true. */
  readonly disableRemoteExec?: boolean;
  /** A folder of files that define services and checks. */
  readonly definitions?: string;
  /** Checks of the machine itself. Default none. */
  readonly alerts?: readonly AlertRule[];
  readonly nodeChecks?: readonly NodeCheck[];
  /** How long a change of nothing but a check's output may wait to be written. Default 5 minutes. */
  readonly checkUpdateIntervalMs?: number;
  /** Where registrations made over the API are kept; undefined: nowhere. */
  readonly dataDir?: string;
  readonly dns?: DnsConfig;
  readonly limits?: KeyLimits;
  /** For answers that state a version. */
  readonly version?: string;
}

export interface KeyLimits {
  /** Of one value. Default 512 KiB. */
  readonly maxValueBytes?: number;
  /** Operations of one transaction. Default 128. */
  readonly maxTxnOps?: number;
}

/** Names and defaults of https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/dns */
export interface DnsConfig {
  /** Servers that answer what is not ours: `host` or `host:port`. Default none: such questions are refused. */
  readonly recursors?: readonly string[];
  readonly recursorTimeoutMs?: number;
  /** Seconds. Default 0. */
  readonly nodeTtl?: number;
  /** Seconds by service name; a name may end in `*`. Default 0. */
  readonly serviceTtl?: Readonly<Record<string, number>>;
  /** Warning instances are left out. Default false. */
  readonly onlyPassing?: boolean;
  /** Answers of a UDP reply to a client without EDNS. Default 3. */
  readonly udpAnswerLimit?: number;
  /** Addresses of any reply; 0: all. Default 0. */
  readonly aRecordLimit?: number;
  /** Sets TC when a UDP answer was cut. Default false. */
  readonly enableTruncate?: boolean;
  /** TXT records with a node's metadata. Default true. */
  readonly nodeMetaTxt?: boolean;
  readonly soa?: { readonly refresh: number; readonly retry: number; readonly expire: number; readonly minTtl: number };
}
