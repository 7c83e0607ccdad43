import { jsonInteger } from "#base/protocol/json-numbers.ts";
import type { CatalogCheck, CatalogNode, CatalogService } from "#base/protocol/catalog.ts";
import type { KvEntry, Session } from "#base/protocol/kv.ts";
import type { PreparedQuery } from "#base/protocol/prepared-query.ts";
import type { Row } from "#base/state/table.ts";
import type { Instance } from "../catalog/instances.ts";

/** Fields of service mesh that clients expect to find, and find empty. */
const NO_PROXY = { Mode: "", MeshGateway: {}, Expose: {} };

function indexes(row: Row<unknown>): { readonly CreateIndex: number; readonly ModifyIndex: number } {
  return { CreateIndex: row.createIndex, ModifyIndex: row.modifyIndex };
}

export function nodeShape(row: Row<CatalogNode>) {
  return { ...row.value, ...indexes(row) };
}

export function serviceShape(row: Row<CatalogService>) {
  const { Node: _, ...service } = row.value;
  return { ...service, Proxy: NO_PROXY, Connect: {}, PeerName: "", ...indexes(row) };
}

export function checkShape(row: Row<CatalogCheck>) {
  return { ...row.value, PeerName: "", ...indexes(row) };
}

/** As `/v1/catalog/service/:service` has it: node and service in one object. */
export function catalogServiceShape({ node, service }: Pick<Instance, "node" | "service">) {
  const { ID, Node, Address, Datacenter, TaggedAddresses, Meta } = node.value;
  return {
    ID,
    Node,
    Address,
    Datacenter,
    TaggedAddresses,
    NodeMeta: Meta,
    ServiceKind: service.value.Kind,
    ServiceID: service.value.ID,
    ServiceName: service.value.Service,
    ServiceTags: service.value.Tags,
    ServiceAddress: service.value.Address,
    ServiceTaggedAddresses: service.value.TaggedAddresses,
    ServiceWeights: service.value.Weights,
    ServiceMeta: service.value.Meta,
    ServicePort: service.value.Port,
    ServiceSocketPath: "",
    ServiceEnableTagOverride: service.value.EnableTagOverride,
    ServiceProxy: NO_PROXY,
    ServiceConnect: {},
    ServiceLocality: null,
    ...indexes(service),
  };
}

export function healthShape({ node, service, checks }: Instance) {
  return { Node: nodeShape(node), Service: serviceShape(service), Checks: checks.map(checkShape) };
}

/** A service as its agent describes it. */
export function agentServiceShape(row: CatalogService, datacenter: string) {
  const { Node: _, ...service } = row;
  return { ...service, Datacenter: datacenter };
}

export function kvShape(row: Row<KvEntry>) {
  const { Value, Flags, Session: session, LockIndex } = row.value;
  return {
    LockIndex,
    Key: row.id,
    Flags: jsonInteger(Flags),
    Value: Value === "" ? null : Value,
    ...(session === "" ? {} : { Session: session }),
    ...indexes(row),
  };
}

export function preparedQueryShape(row: Row<PreparedQuery>) {
  return { ...row.value, ...indexes(row) };
}

export function sessionShape(row: Row<Session>) {
  const { NodeChecks, ...session } = row.value;
  return { ...session, NodeChecks, Checks: NodeChecks, ...indexes(row) };
}
