import type { Query } from "../../api-caller.ts";
import { segment } from "../../api-caller.ts";
import type { ConsulDependency, ConsulScope, HealthServiceDependency, NomadDependency } from "./dependency.ts";

/** One GET of an HTTP API; everything here but `blocks: false` takes `index` and `wait`. */
export interface SourceRequest {
  readonly path: string;
  readonly query: Query;
  /** False: the API answers at once, it has to be asked again and again. */
  readonly blocks: boolean;
}

/**
 * The query that answers a Consul dependency (https://developer.hashicorp.com/consul/api-docs). The agent's own node
 * (`catalog.node` without a name) has to be looked up first, in `/v1/agent/self`: hand it in as `ownNode`.
 */
export function consulRequest(dependency: ConsulDependency, ownNode = ""): SourceRequest {
  switch (dependency.kind) {
    case "catalog.datacenters":
      return get("/v1/catalog/datacenters", {}, false);
    case "catalog.node":
      return get(
        `/v1/catalog/node/${segment(dependency.name === "" ? ownNode : dependency.name)}`,
        scopeQuery(dependency),
      );
    case "catalog.nodes":
      return get("/v1/catalog/nodes", { ...scopeQuery(dependency), near: given(dependency.near) });
    case "catalog.services":
      return get("/v1/catalog/services", scopeQuery(dependency));
    case "catalog.service": {
      const { tag, near } = dependency;
      const query = { ...scopeQuery(dependency), tag: given(tag), near: given(near) };
      return get(`/v1/catalog/service/${segment(dependency.name)}`, query);
    }
    case "health.service":
    case "health.connect":
      return healthRequest(dependency);
    case "kv.get":
      return get(keyPath(dependency.key), scopeQuery(dependency));
    case "kv.list":
      return get(keyPath(dependency.prefix), { ...scopeQuery(dependency), recurse: true });
    case "kv.keys":
      return get(keyPath(dependency.prefix), { ...scopeQuery(dependency), keys: true });
    case "connect.caroots":
      return get("/v1/agent/connect/ca/roots", {});
    case "connect.caleaf":
      return get(`/v1/agent/connect/ca/leaf/${segment(dependency.service)}`, {});
    case "list.partitions":
      return get("/v1/partitions", {}, false);
    case "list.peerings":
      return get("/v1/peerings", { partition: given(dependency.partition) });
    case "list.exportedServices":
      return get("/v1/exported-services", { partition: given(dependency.partition) });
    case "list.importedServices":
      return get("/v1/imported-services", { partition: given(dependency.partition) });
  }
}

/** The query that answers a Nomad dependency (https://developer.hashicorp.com/nomad/api-docs). */
export function nomadRequest(dependency: NomadDependency): SourceRequest {
  const region = given(dependency.region);
  switch (dependency.kind) {
    case "nomad.services":
      return get("/v1/services", { region });
    case "nomad.service": {
      const { choose, name } = dependency;
      const chosen = choose === undefined ? undefined : `${choose.count}|${choose.key}`;
      return get(`/v1/service/${segment(name)}`, { region, choose: chosen });
    }
    case "nomad.var.get":
      return get(`/v1/var/${dependency.path.split("/").map(segment).join("/")}`, {
        region,
        namespace: given(dependency.namespace),
      });
    case "nomad.var.list":
      return get("/v1/vars", { region, namespace: given(dependency.namespace), prefix: given(dependency.prefix) });
  }
}

function healthRequest(dependency: HealthServiceDependency): SourceRequest {
  const { kind, name, tag, near, peer, samenessGroup, filters } = dependency;
  const query = {
    ...scopeQuery(dependency),
    tag: given(tag),
    near: given(near),
    peer: given(peer),
    "sameness-group": given(samenessGroup),
    passing: filters.length === 1 && filters[0] === "passing" ? true : undefined,
  };
  return get(`/v1/health/${kind === "health.connect" ? "connect" : "service"}/${segment(name)}`, query);
}

function get(path: string, query: Query, blocks = true): SourceRequest {
  return { path, query, blocks };
}

function scopeQuery({ datacenter, namespace, partition }: ConsulScope): Query {
  return { dc: given(datacenter), ns: given(namespace), partition: given(partition) };
}

function given(value: string): string | undefined {
  return value === "" ? undefined : value;
}

/** Keys keep their slashes; everything else is encoded. */
/** Of a key in Consul's key-value store. */
export function keyPath(key: string): string {
  return `/v1/kv/${key.split("/").map(segment).join("/")}`;
}
