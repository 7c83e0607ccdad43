import type { Node, NodeState } from "#base/protocol/node.ts";
import type { Row } from "#base/state/table.ts";
import type { ClusterState } from "../../server/cluster-state.ts";
import { olderNodeResources } from "./older-resources.ts";
import { NEVER } from "./time.ts";

/** A node without its secret. https://developer.hashicorp.com/nomad/api-docs/nodes */
export function nodeAnswer(state: ClusterState, row: Row<Node>) {
  const standing = standingOf(state, row);
  const Events = (state.nodeState(row.id)?.value.Events ?? []).map((event) => ({ ...event, CreateIndex: 0 }));
  const { HostVolumeNews: _news, ...node } = row.value;
  const shown = { Drivers: drivers(node), HostVolumes: volumes(node), Links: links(node), SecretID: "", Events };
  return { ...node, ...olderNodeResources(node), ...standing, ...shown };
}

export interface NodeStubOptions {
  readonly resources?: boolean | undefined;
  readonly os?: boolean | undefined;
}

/** A line of `/v1/nodes`. */
export function nodeStub(state: ClusterState, row: Row<Node>, options: NodeStubOptions) {
  const { value: node } = row;
  const { StatusUpdatedAt: _at, DrainStrategy: _drain, ...standing } = standingOf(state, row);
  const [Address = ""] = node.HTTPAddr.split(/:(?=\d+$)/);
  return {
    ID: node.ID,
    Name: node.Name,
    Address: Address.replace(/^\[(.*)\]$/, "$1"),
    Datacenter: node.Datacenter,
    NodeClass: node.NodeClass,
    NodePool: node.NodePool,
    Version: node.Attributes["nomad.version"] ?? node.Attributes["lares.version"] ?? "",
    ...standing,
    Drivers: drivers(node),
    HostVolumes: volumes(node),
    ...(options.os === true ? { Attributes: { "os.name": node.Attributes["os.name"] ?? "" } } : {}),
    ...(options.resources === true
      ? { NodeResources: node.NodeResources, ReservedResources: node.ReservedResources }
      : {}),
  };
}

/** Newest of what the node says and what the servers know. */
export function nodeIndex(state: ClusterState, row: Row<Node>): number {
  return Math.max(row.modifyIndex, state.nodeState(row.id)?.modifyIndex ?? 0);
}

function standingOf(state: ClusterState, row: Row<Node>) {
  const known: NodeState | undefined = state.nodeState(row.id)?.value;
  return {
    Drain: (known?.DrainStrategy ?? null) !== null,
    DrainStrategy: known?.DrainStrategy ?? null,
    LastDrain: known?.LastDrain ?? null,
    SchedulingEligibility: known?.SchedulingEligibility ?? "eligible",
    Status: known?.Status ?? "initializing",
    StatusDescription: known?.StatusDescription ?? "",
    StatusUpdatedAt: known?.StatusUpdatedAt ?? 0,
    CreateIndex: row.createIndex,
    ModifyIndex: nodeIndex(state, row),
  };
}

function volumes({ HostVolumes }: Pick<Node, "HostVolumes">) {
  return Object.fromEntries(
    Object.entries(HostVolumes).map(([name, { Dynamic, ...shown }]) => [name, { ...shown, ID: Dynamic?.ID ?? "" }]),
  );
}

/** Where discovery knows it by another name. */
function links({ Links, Attributes }: Pick<Node, "Links" | "Attributes">) {
  const name = Attributes["unique.consul.name"];
  return name === undefined ? Links : { consul: `${Attributes["consul.datacenter"] ?? ""}.${name}`, ...Links };
}

function drivers(node: Pick<Node, "Drivers">) {
  return Object.fromEntries(
    Object.entries(node.Drivers).map(([name, info]) => [
      name,
      { ...info, UpdateTime: info.UpdateTime === "" ? NEVER : info.UpdateTime },
    ]),
  );
}
