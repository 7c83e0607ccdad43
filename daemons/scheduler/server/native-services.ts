import type { Alloc } from "#base/protocol/alloc.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Node } from "#base/protocol/node.ts";
import type { Service } from "#base/protocol/service.ts";
import { serviceRemovals } from "#base/state/tables.ts";
import { defineService, networkWithin } from "../client/alloc/service-definitions.ts";
import { clientStatus, indexOfName, type KnownAlloc } from "./alloc-state.ts";
import type { ClusterState } from "./cluster-state.ts";
import { resolveTarget } from "./place/target.ts";

/** An instance of a service with `provider = "nomad"`. https://developer.hashicorp.com/nomad/api-docs/services */
export interface NativeService {
  readonly ID: string;
  readonly ServiceName: string;
  readonly Namespace: string;
  readonly NodeID: string;
  readonly Datacenter: string;
  readonly JobID: string;
  readonly AllocID: string;
  readonly Tags: readonly string[];
  readonly Address: string;
  readonly Port: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/**
 * The built-in service registrations of an allocation. Nothing is registered: an allocation that runs, its ports and its
 * job say it all, so that nothing can be left behind when a node dies. What somebody took out by hand is left out.
 */
export function servicesOfAlloc(state: ClusterState, known: KnownAlloc): NativeService[] {
  const { alloc } = known;
  if (alloc.DesiredStatus !== "run" || clientStatus(known) !== "running") return [];
  const removals = state.view.table(serviceRemovals);
  return allocServices(state, known).filter(({ ID }) => removals.get(alloc.Namespace, ID) === undefined);
}

/** What an allocation offers while it runs. */
export function allocServices(state: ClusterState, known: KnownAlloc): NativeService[] {
  const { alloc } = known;
  const job = state.jobVersion(alloc.Namespace, alloc.JobID, alloc.JobVersion)?.value;
  const group = job?.TaskGroups.find(({ Name }) => Name === alloc.TaskGroup);
  const node = state.node(alloc.NodeID)?.value;
  if (job === undefined || group === undefined || node === undefined) return [];
  const owned = [
    ...group.Services.map((service) => ({ service, taskName: "" })),
    ...group.Tasks.flatMap((task) => task.Services.map((service) => ({ service, taskName: task.Name }))),
  ];
  return owned
    .filter(({ service }) => service.Provider === "nomad")
    .map((each) => instanceOf({ ...each, known, job, group, node }));
}

interface Owned {
  readonly service: Service;
  readonly taskName: string;
  readonly known: KnownAlloc;
  readonly job: Job;
  readonly group: TaskGroup;
  readonly node: Node;
}

function instanceOf(owned: Owned): NativeService {
  const { known, node, service, taskName } = owned;
  const { alloc } = known;
  const [nodeAddress = ""] = node.HTTPAddr.split(/:(?=\d+$)/);
  const facts = factsOf(owned);
  const { Address: address = "", AddressIPv6: addressIpv6 = "" } = known.report?.NetworkStatus ?? {};
  const defined = defineService(service, {
    alloc,
    taskName,
    nodeAddress,
    network: address === "" ? undefined : networkWithin(alloc, { address, addressIpv6 }),
    lookup: (name) => facts[name] ?? resolveTarget(`\${${name}}`, node),
  });
  return {
    ID: defined.ID,
    ServiceName: defined.Name,
    Namespace: alloc.Namespace,
    NodeID: alloc.NodeID,
    Datacenter: node.Datacenter,
    JobID: alloc.JobID,
    AllocID: alloc.ID,
    Tags: defined.Tags,
    Address: defined.Address,
    Port: defined.Port,
    CreateIndex: known.createIndex,
    ModifyIndex: known.createIndex,
  };
}

/** What names and tags may refer to. https://developer.hashicorp.com/nomad/docs/runtime/interpolation */
function factsOf({ known: { alloc }, job, group, node, taskName }: Owned): Readonly<Record<string, string>> {
  return {
    ...factsOfMeta({ ...job.Meta, ...group.Meta }),
    NOMAD_ALLOC_ID: alloc.ID,
    NOMAD_ALLOC_NAME: alloc.Name,
    NOMAD_ALLOC_INDEX: String(indexOfName(alloc.Name)),
    NOMAD_GROUP_NAME: alloc.TaskGroup,
    NOMAD_TASK_NAME: taskName,
    NOMAD_JOB_ID: job.ID,
    NOMAD_JOB_NAME: job.Name,
    NOMAD_NAMESPACE: alloc.Namespace,
    NOMAD_REGION: job.Region,
    NOMAD_DC: node.Datacenter,
    ...factsOfPorts(alloc),
  };
}

function factsOfMeta(meta: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(meta).map(([name, value]) => [`NOMAD_META_${name}`, value]));
}

function factsOfPorts(alloc: Alloc): Record<string, string> {
  return Object.fromEntries(
    alloc.AllocatedResources.Shared.Ports.flatMap(({ Label, Value, HostIP }) => [
      [`NOMAD_PORT_${Label}`, String(Value)],
      [`NOMAD_HOST_PORT_${Label}`, String(Value)],
      [`NOMAD_IP_${Label}`, HostIP],
      [`NOMAD_ADDR_${Label}`, `${HostIP}:${Value}`],
    ]),
  );
}
