/**
 * What a template asks for; one query answers it and all templates share it. The kinds and the keys are those that
 * consul-template prints in its logs (`health.service(web|passing)`), so that people recognise them.
 */
export type Dependency = ConsulDependency | NomadDependency | VaultDependency | FileDependency;

/** Where in Consul; empty: the agent's own. */
export interface ConsulScope {
  readonly datacenter: string;
  readonly namespace: string;
  readonly partition: string;
}

export interface HealthServiceDependency extends ConsulScope {
  readonly kind: "health.service" | "health.connect";
  readonly name: string;
  readonly tag: string;
  readonly near: string;
  readonly peer: string;
  readonly samenessGroup: string;
  /** Sorted. `passing` alone is asked of the server; everything else is sifted here. */
  readonly filters: readonly HealthFilter[];
}
export type HealthFilter = "any" | "passing" | "warning" | "critical" | "maintenance";

export type ConsulDependency =
  | { readonly kind: "catalog.datacenters"; readonly ignoreFailing: boolean }
  /** `name` empty: the agent's own node. */
  | (ConsulScope & { readonly kind: "catalog.node"; readonly name: string })
  | (ConsulScope & { readonly kind: "catalog.nodes"; readonly near: string })
  | (ConsulScope & {
      readonly kind: "catalog.service";
      readonly name: string;
      readonly tag: string;
      readonly near: string;
    })
  | (ConsulScope & { readonly kind: "catalog.services" })
  | HealthServiceDependency
  /** `block`: there is no answer before the key exists. */
  | (ConsulScope & { readonly kind: "kv.get"; readonly key: string; readonly block: boolean })
  | (ConsulScope & { readonly kind: "kv.list" | "kv.keys"; readonly prefix: string })
  | { readonly kind: "connect.caroots" }
  | { readonly kind: "connect.caleaf"; readonly service: string }
  | { readonly kind: "list.partitions" }
  | {
      readonly kind: "list.peerings" | "list.exportedServices" | "list.importedServices";
      readonly partition: string;
    };

export type NomadDependency =
  | { readonly kind: "nomad.services"; readonly region: string }
  | {
      readonly kind: "nomad.service";
      readonly name: string;
      readonly tag: string;
      readonly region: string;
      /** So many instances, chosen for this key by rendezvous hashing; undefined: all. */
      readonly choose: { readonly count: bigint; readonly key: string } | undefined;
    }
  | {
      readonly kind: "nomad.var.get";
      readonly path: string;
      readonly namespace: string;
      readonly region: string;
      /** There is no answer before the variable exists. */
      readonly block: boolean;
    }
  | {
      readonly kind: "nomad.var.list";
      readonly prefix: string;
      readonly namespace: string;
      readonly region: string;
    };

export type VaultDependency =
  /** `version` empty: the newest. */
  | { readonly kind: "vault.read"; readonly path: string; readonly version: string }
  | {
      readonly kind: "vault.write";
      readonly path: string;
      readonly data: ReadonlyMap<string, string>;
      /** Stands for the data in keys and logs: it may be secret. */
      readonly hash: string;
    }
  | { readonly kind: "vault.list"; readonly path: string }
  | {
      readonly kind: "vault.pki";
      readonly path: string;
      readonly data: ReadonlyMap<string, string>;
      readonly hash: string;
      /** The file that holds the last certificate; it is asked before Vault is. */
      readonly destination: string;
    };

/** `path` as the template wrote it. */
export interface FileDependency {
  readonly kind: "file";
  readonly path: string;
}

/** Equal dependencies have equal keys; also what logs print. */
export function dependencyKey(dependency: Dependency): string {
  switch (dependency.kind) {
    case "catalog.datacenters":
      return dependency.ignoreFailing ? "catalog.datacenters(ignore failing)" : "catalog.datacenters";
    case "catalog.node":
      return named(dependency.kind, dependency.name + scope(dependency));
    case "catalog.nodes":
      return named(dependency.kind, scope(dependency) + mark("~", dependency.near));
    case "catalog.services":
      return named(dependency.kind, scope(dependency));
    case "catalog.service":
      return `${dependency.kind}(${tagged(dependency)}${scope(dependency)}${mark("~", dependency.near)})`;
    case "health.service":
    case "health.connect":
      return healthKey(dependency);
    case "kv.get":
      return `${dependency.block ? "kv.block" : "kv.get"}(${dependency.key}${scope(dependency)})`;
    case "kv.list":
    case "kv.keys":
      return `${dependency.kind}(${dependency.prefix}${scope(dependency)})`;
    case "connect.caroots":
    case "list.partitions":
      return dependency.kind;
    case "connect.caleaf":
      return named(dependency.kind, dependency.service);
    case "list.peerings":
      return `list.peerings${mark("?partition=", dependency.partition)}`;
    case "list.exportedServices":
    case "list.importedServices":
      return `${dependency.kind}(${dependency.partition})`;
    case "file":
      return `file(${dependency.path})`;
    default:
      return remoteKey(dependency);
  }
}

function remoteKey(dependency: NomadDependency | VaultDependency): string {
  switch (dependency.kind) {
    case "nomad.services":
      return named(dependency.kind, mark("@", dependency.region));
    case "nomad.service": {
      const chosen = dependency.choose === undefined ? "" : `:${dependency.choose.count}|${dependency.choose.key}`;
      return `nomad.service(${tagged(dependency)}${mark("@", dependency.region)}${chosen})`;
    }
    case "nomad.var.get":
      return `nomad.var.${dependency.block ? "block" : "get"}(${dependency.path}${place(dependency)})`;
    case "nomad.var.list":
      return `nomad.var.list(${dependency.prefix}${place(dependency)})`;
    case "vault.read":
      return `vault.read(${dependency.path}${mark(".v", dependency.version)})`;
    case "vault.write":
      return `vault.write(${dependency.path} -> ${dependency.hash})`;
    case "vault.list":
      return `vault.list(${dependency.path})`;
    case "vault.pki":
      return `vault.pki(${dependency.path}->${dependency.destination} ${dependency.hash})`;
  }
}

function healthKey(dependency: HealthServiceDependency): string {
  const { peer, samenessGroup, near, filters } = dependency;
  const where = `${scope(dependency)}${mark("@peer=", peer)}${mark("@sameness-group=", samenessGroup)}${mark("~", near)}`;
  return `${dependency.kind}(${tagged(dependency)}${where}${mark("|", filters.join(","))})`;
}

function scope({ datacenter, partition, namespace }: ConsulScope): string {
  return mark("@", datacenter) + mark("@partition=", partition) + mark("@ns=", namespace);
}

function place({ namespace, region }: { readonly namespace: string; readonly region: string }): string {
  return `@${namespace === "" ? "default" : namespace}.${region === "" ? "global" : region}`;
}

function tagged({ tag, name }: { readonly tag: string; readonly name: string }): string {
  return tag === "" ? name : `${tag}.${name}`;
}

function mark(sign: string, value: string): string {
  return value === "" ? "" : sign + value;
}

function named(kind: string, name: string): string {
  return name === "" ? kind : `${kind}(${name})`;
}
