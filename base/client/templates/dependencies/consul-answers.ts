import * as v from "valibot";
import { textOfBytes } from "#base/language/go-template/functions/text/go-bytes.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import {
  byTexts,
  flag,
  int,
  listOf,
  struct,
  tagList,
  text,
  textList,
  textMap,
  texts,
  time,
  uint64,
} from "./answer-structs.ts";
import { readHealth } from "./health-answer.ts";
import type { ConsulDependency } from "./dependency.ts";

/** Object keys under which Consul's answers hold numbers that may need 64 bits. */
export const BIGINT_KEYS = ["Flags", "LockIndex", "CreateIndex", "ModifyIndex"] as const;

/**
 * Reads the body of an answer into the value a template sees; null stands for what does not exist (`body` undefined: 404).
 * Throws when it has another shape than documented (https://developer.hashicorp.com/consul/api-docs).
 */
export function readConsulAnswer(dependency: ConsulDependency, body: unknown): GoValue {
  switch (dependency.kind) {
    case "catalog.datacenters":
    case "kv.keys":
      return textList(v.parse(texts, body).toSorted());
    case "catalog.node":
      return body === undefined || body === null ? NO_NODE : readNode(body);
    case "catalog.nodes": {
      const nodes = v.parse(v.array(NodeSchema), body ?? []);
      const sorted =
        dependency.near === ""
          ? nodes.toSorted(
              byTexts(
                (n) => n.Node,
                (n) => n.Address,
              ),
            )
          : nodes;
      return listOf("*dependency.Node", sorted.map(nodeStruct));
    }
    case "catalog.services":
      return listOf(
        SNIPPET,
        Object.entries(v.parse(v.record(v.string(), texts), body ?? {}))
          .toSorted(byTexts(([name]) => name))
          .map(([Name, tags]) => struct(SNIPPET, { Name, Tags: tagList(tags) })),
      );
    case "catalog.service":
      return listOf(
        "*dependency.CatalogService",
        v.parse(v.array(CatalogServiceSchema), body ?? []).map(catalogService),
      );
    case "health.service":
    case "health.connect":
      return readHealth(dependency, body);
    case "kv.get":
      return v.parse(v.array(PairSchema), body ?? [])[0]?.Value ?? null;
    case "kv.list":
      return listOf(
        "*dependency.KeyPair",
        v.parse(v.array(PairSchema), body ?? []).map((pair) => pairStruct(pair, dependency.prefix)),
      );
    default:
      return readMesh(dependency, body);
  }
}

type MeshDependency = Extract<ConsulDependency, { kind: `connect.${string}` | `list.${string}` }>;

function readMesh(dependency: MeshDependency, body: unknown): GoValue {
  switch (dependency.kind) {
    case "connect.caroots":
      return listOf("*api.CARoot", v.parse(RootsSchema, body).Roots.map(root));
    case "connect.caleaf":
      return struct("*api.LeafCert", v.parse(LeafSchema, body));
    case "list.partitions":
      return listOf(
        "*dependency.Partition",
        v
          .parse(many(PartitionSchema), body)
          .toSorted(byTexts((partition) => partition.Name))
          .map((partition) => struct("*dependency.Partition", partition)),
      );
    case "list.peerings":
      return listOf(
        "*dependency.Peering",
        v
          .parse(many(PeeringSchema), body)
          .toSorted(
            byTexts(
              (peer) => peer.State,
              (peer) => peer.Partition,
              (peer) => peer.Name,
            ),
          )
          .map(peering),
      );
    case "list.exportedServices":
      return listOf(
        "dependency.ExportedService",
        v
          .parse(many(ExportedSchema), body)
          .toSorted(byTexts((service) => service.Service))
          .map(exported),
      );
    case "list.importedServices":
      return listOf(
        "dependency.ImportedService",
        (v.parse(ImportedAnswerSchema, body)?.ImportedServices ?? [])
          .toSorted(byTexts((service) => service.Service))
          .map((service) => struct("dependency.ImportedService", service)),
      );
  }
}

const SNIPPET = "*dependency.CatalogSnippet";

function many<S extends v.GenericSchema>(item: S) {
  return v.nullish(v.array(item), () => []);
}

const PartitionSchema = v.object({ Name: text, Description: text });
const NodeSchema = v.object({
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: textMap,
  Meta: textMap,
});
type Node = v.InferOutput<typeof NodeSchema>;

function nodeStruct(node: Node): GoValue {
  return struct("*dependency.Node", node);
}

const NO_NODE = struct("*dependency.CatalogNode", { Node: null, Services: [] });
const NODE_SERVICE = "*dependency.CatalogNodeService";

const NodeServiceSchema = v.object({
  ID: text,
  Service: text,
  Tags: texts,
  Meta: textMap,
  Port: int,
  Address: text,
  EnableTagOverride: flag,
});

function readNode(body: unknown): GoValue {
  const read = v.parse(
    v.object({ Node: NodeSchema, Services: v.nullish(v.record(v.string(), NodeServiceSchema)) }),
    body,
  );
  const services = Object.values(read.Services ?? {})
    .toSorted(
      byTexts(
        (service) => service.Service,
        (service) => service.ID,
      ),
    )
    .map((service) => struct(NODE_SERVICE, { ...service, Tags: tagList(service.Tags) }));
  return struct("*dependency.CatalogNode", { Node: nodeStruct(read.Node), Services: listOf(NODE_SERVICE, services) });
}

const CatalogServiceSchema = v.object({
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: textMap,
  NodeMeta: textMap,
  ServiceID: text,
  ServiceName: text,
  ServiceAddress: text,
  ServiceTags: texts,
  ServiceMeta: textMap,
  ServicePort: int,
});

function catalogService(service: v.InferOutput<typeof CatalogServiceSchema>): GoValue {
  return struct("*dependency.CatalogService", { ...service, ServiceTags: tagList(service.ServiceTags) });
}

const PairSchema = v.object({
  Key: text,
  /** Base64; null: empty. */
  Value: v.pipe(
    v.nullish(v.string(), ""),
    v.transform((value) => textOfBytes(Buffer.from(value, "base64"))),
  ),
  CreateIndex: uint64,
  ModifyIndex: uint64,
  LockIndex: uint64,
  Flags: uint64,
  Session: text,
});

/** `Path` is the whole key, `Key` what comes after the prefix. */
function pairStruct({ Key, Value, ...rest }: v.InferOutput<typeof PairSchema>, prefix: string): GoValue {
  const key = Key.startsWith(prefix) ? Key.slice(prefix.length) : Key;
  return struct("*dependency.KeyPair", { Path: Key, Key: key.replace(/^\/+/, ""), Value, ...rest });
}

const RootSchema = v.object({
  ID: text,
  Name: text,
  RootCert: text,
  Active: flag,
  CreateIndex: uint64,
  ModifyIndex: uint64,
});
const RootsSchema = v.object({ Roots: v.nullish(v.array(RootSchema), () => []) });

function root({ ID, Name, RootCert, ...rest }: v.InferOutput<typeof RootSchema>): GoValue {
  return struct("*api.CARoot", { ID, Name, RootCertPEM: RootCert, ...rest });
}

const LeafSchema = v.object({
  SerialNumber: text,
  CertPEM: text,
  PrivateKeyPEM: text,
  Service: text,
  ServiceURI: text,
  ValidAfter: time,
  ValidBefore: time,
  CreateIndex: uint64,
  ModifyIndex: uint64,
});
const ExportedSchema = v.object({
  Service: text,
  Partition: text,
  Namespace: text,
  Consumers: v.optional(v.object({ Peers: texts, Partitions: texts }), {}),
});
function exported({ Consumers, ...service }: v.InferOutput<typeof ExportedSchema>): GoValue {
  const consumers = { Peers: textList(Consumers.Peers), Partitions: textList(Consumers.Partitions) };
  return struct("dependency.ExportedService", {
    ...service,
    Consumers: struct("dependency.ResolvedConsumers", consumers),
  });
}

const ImportedSchema = v.object({ Service: text, Namespace: text, SourcePartition: text });
const ImportedAnswerSchema = v.nullish(v.object({ ImportedServices: v.nullish(v.array(ImportedSchema)) }));
const PeeringSchema = v.object({
  ID: text,
  Name: text,
  Partition: text,
  Meta: textMap,
  State: text,
  PeerID: text,
  PeerServerName: text,
  PeerServerAddresses: texts,
  StreamStatus: v.nullish(
    v.object({
      ImportedServices: texts,
      ExportedServices: texts,
      LastHeartbeat: time,
      LastReceive: time,
      LastSend: time,
    }),
  ),
  Remote: v.nullish(v.object({ Partition: text, Datacenter: text })),
});

function peering({ State, StreamStatus, Remote, ...rest }: v.InferOutput<typeof PeeringSchema>): GoValue {
  const { ID, Name, Partition, Meta, ...more } = rest;
  return struct("*dependency.Peering", {
    ID,
    Name,
    Partition,
    Meta,
    PeeringState: State,
    ...more,
    StreamStatus: StreamStatus ? struct("dependency.PeeringStreamStatus", StreamStatus) : null,
    Remote: Remote ? struct("dependency.PeeringRemoteInfo", Remote) : null,
  });
}
