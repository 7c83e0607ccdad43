import * as v from "valibot";
import type { GoValue } from "#base/language/go-template/value.ts";
import {
  byTexts,
  int,
  listOf,
  struct,
  structMap,
  tagList,
  text,
  textList,
  textMap,
  texts,
  uint64,
} from "./answer-structs.ts";
import type { HealthFilter, HealthServiceDependency } from "./dependency.ts";

/** The instances whose checks together are as the filters want them; in the order of node and ID unless nearness was asked for. */
export function readHealth({ filters, near }: HealthServiceDependency, body: unknown): GoValue {
  const entries = v.parse(v.array(EntrySchema), body ?? []);
  const sorted =
    near === ""
      ? entries.toSorted(
          byTexts(
            (e) => e.Node.Node,
            (e) => e.Service.ID,
          ),
        )
      : entries;
  const kept = sorted.flatMap((entry) => {
    const status = aggregatedStatus(entry.Checks);
    return filters.includes("any") || filters.some((filter) => filter === status) ? [instance(entry, status)] : [];
  });
  return listOf("*dependency.HealthService", kept);
}

const NODE_MAINTENANCE = "_node_maintenance";
const SERVICE_MAINTENANCE = "_service_maintenance:";

/** The worst of the checks; maintenance before all, a status nobody knows makes it empty. */
export function aggregatedStatus(
  checks: readonly { readonly CheckID: string; readonly Status: string }[],
): HealthFilter | "" {
  let maintenance = false;
  const seen = new Set<string>();
  for (const { CheckID, Status } of checks) {
    if (CheckID === NODE_MAINTENANCE || CheckID.startsWith(SERVICE_MAINTENANCE)) {
      maintenance = true;
      continue;
    }
    if (!["passing", "warning", "critical"].includes(Status)) return "";
    seen.add(Status);
  }
  if (maintenance) return "maintenance";
  if (seen.has("critical")) return "critical";
  return seen.has("warning") ? "warning" : "passing";
}

const HeaderSchema = v.pipe(
  v.nullish(v.record(v.string(), texts), () => ({})),
  v.transform((headers): GoValue => new Map(Object.entries(headers).map(([name, values]) => [name, textList(values)]))),
);
const DefinitionSchema = v.object({
  HTTP: text,
  Header: HeaderSchema,
  Method: text,
  Body: text,
  TLSServerName: text,
  TLSSkipVerify: v.nullish(v.boolean(), false),
  TCP: text,
  UDP: text,
  GRPC: text,
  Interval: text,
  Timeout: text,
  DeregisterCriticalServiceAfter: text,
});
const CheckSchema = v.object({
  Node: text,
  CheckID: text,
  Name: text,
  Status: text,
  Notes: text,
  Output: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: texts,
  Type: text,
  Namespace: text,
  Partition: text,
  ExposedPort: int,
  PeerName: text,
  Definition: v.optional(DefinitionSchema, {}),
  CreateIndex: uint64,
  ModifyIndex: uint64,
});
const AddressesSchema = v.pipe(
  v.nullish(v.record(v.string(), v.object({ Address: text, Port: int })), () => ({})),
  v.transform((addresses) =>
    structMap(
      "api.ServiceAddress",
      Object.entries(addresses).map(([name, address]) => [name, struct("api.ServiceAddress", address)]),
    ),
  ),
);
const EntrySchema = v.object({
  Node: v.object({ ID: text, Node: text, Address: text, TaggedAddresses: textMap, Meta: textMap }),
  Service: v.object({
    ID: text,
    Service: text,
    Tags: texts,
    Address: text,
    TaggedAddresses: AddressesSchema,
    Port: int,
    Meta: textMap,
    Weights: v.optional(v.object({ Passing: int, Warning: int }), { Passing: 1, Warning: 1 }),
  }),
  Checks: v.nullish(v.array(CheckSchema), () => []),
});

function instance(
  { Node: node, Service: service, Checks }: v.InferOutput<typeof EntrySchema>,
  status: string,
): GoValue {
  return struct("*dependency.HealthService", {
    Node: node.Node,
    NodeID: node.ID,
    NodeAddress: node.Address,
    NodeTaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    ServiceMeta: service.Meta,
    Address: service.Address === "" ? node.Address : service.Address,
    ServiceTaggedAddresses: service.TaggedAddresses,
    ID: service.ID,
    Name: service.Service,
    Tags: tagList(service.Tags),
    Checks: listOf("*api.HealthCheck", Checks.map(check)),
    Status: status,
    Port: service.Port,
    Weights: struct("api.AgentWeights", service.Weights),
  });
}

/** As JSON a check has no namespace, partition and peer where they are empty. */
function check({ Definition, ...rest }: v.InferOutput<typeof CheckSchema>): GoValue {
  const { CreateIndex, ModifyIndex, ServiceTags, ...head } = rest;
  const { Type, Namespace, Partition, ExposedPort, PeerName, ...first } = head;
  const fields = {
    ...first,
    ServiceTags: textList(ServiceTags),
    Type,
    Namespace,
    Partition,
    ExposedPort,
    PeerName,
    Definition: struct("api.HealthCheckDefinition", Definition),
    CreateIndex,
    ModifyIndex,
  };
  const optional = Object.entries({ Namespace, Partition, PeerName }).filter(([, value]) => value === "");
  const left = new Set(optional.map(([name]) => name));
  const json = () =>
    struct("*api.HealthCheck", Object.fromEntries(Object.entries(fields).filter(([name]) => !left.has(name))));
  return struct("*api.HealthCheck", fields, { json });
}
