import * as v from "valibot";
import { block, flag, integer, list, optionalInteger, text, textMap, texts } from "./schema.ts";

export type CheckStatus = "passing" | "warning" | "critical";

export const WeightsSchema = v.object({ Passing: v.nullish(v.number(), 1), Warning: v.nullish(v.number(), 1) });
export const ServiceAddressSchema = v.object({ Address: text, Port: integer });

/** Checks of the machine itself, by the names the configuration gives them. */
export const NODE_CHECKS = ["cpu", "memory", "disk", "files", "temperature", "clock"] as const;
export type NodeCheck = (typeof NODE_CHECKS)[number];

/** A node in the catalog. https://developer.hashicorp.com/consul/api-docs/catalog */
export const CatalogNodeSchema = v.object({
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: textMap,
  Meta: textMap,
});
export type CatalogNode = v.InferOutput<typeof CatalogNodeSchema>;

/** A service instance; key: node name and service id. */
export const CatalogServiceSchema = v.object({
  Node: text,
  ID: text,
  Kind: text,
  Service: text,
  Tags: texts,
  Address: text,
  TaggedAddresses: v.nullish(v.record(v.string(), ServiceAddressSchema), () => ({})),
  Meta: textMap,
  Port: integer,
  Weights: v.nullish(WeightsSchema, () => ({ Passing: 1, Warning: 1 })),
  EnableTagOverride: flag,
});
export type CatalogService = v.InferOutput<typeof CatalogServiceSchema>;

/** A check's state; key: node name and check id. `ServiceID` empty: a check of the whole node. */
export const CatalogCheckSchema = v.object({
  Node: text,
  CheckID: text,
  Name: text,
  Status: v.nullish(v.picklist(["passing", "warning", "critical"]), "critical"),
  Notes: text,
  Output: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: texts,
  Type: text,
  Interval: text,
  Timeout: text,
  ExposedPort: integer,
  Definition: v.nullish(v.record(v.string(), v.unknown()), () => ({})),
});
export type CatalogCheck = v.InferOutput<typeof CatalogCheckSchema>;

/** Where a check of a task's service stands on its node. `settledMs`: wall clock of the newest result; 0: none yet. */
export type TaskCheck = Pick<CatalogCheck, "CheckID" | "ServiceID" | "ServiceName" | "Name" | "Status" | "Output"> & {
  readonly settledMs: number;
};

/**
 * A check as it is registered with an agent (https://developer.hashicorp.com/consul/api-docs/agent/check).
 * Durations are text with a unit (`"10s"`), as clients send them.
 */
export const AgentCheckDefinitionSchema = v.object({
  CheckID: text,
  ID: text,
  Name: text,
  Notes: text,
  ServiceID: text,
  Status: text,
  ScriptArgs: texts,
  Args: texts,
  TTL: text,
  HTTP: text,
  Method: text,
  Header: v.nullish(v.record(v.string(), v.array(v.string())), () => ({})),
  Body: text,
  DisableRedirects: flag,
  TCP: text,
  TCPUseTLS: flag,
  UDP: text,
  GRPC: text,
  GRPCUseTLS: flag,
  H2PING: text,
  H2PingUseTLS: v.nullish(v.boolean(), true),
  AliasNode: text,
  AliasService: text,
  DockerContainerID: text,
  Shell: text,
  OSService: text,
  TLSServerName: text,
  TLSSkipVerify: flag,
  Interval: text,
  Timeout: text,
  OutputMaxSize: v.nullish(v.number(), 4096),
  SuccessBeforePassing: integer,
  FailuresBeforeWarning: optionalInteger,
  FailuresBeforeCritical: integer,
  DeregisterCriticalServiceAfter: text,
});
export type AgentCheckDefinition = v.InferOutput<typeof AgentCheckDefinitionSchema>;

/** A service as it is registered with an agent (https://developer.hashicorp.com/consul/api-docs/agent/service). */
export const AgentServiceDefinitionSchema = v.object({
  ID: text,
  Name: text,
  Kind: text,
  Tags: texts,
  Address: text,
  TaggedAddresses: v.nullish(v.record(v.string(), ServiceAddressSchema), () => ({})),
  Meta: textMap,
  Port: integer,
  EnableTagOverride: flag,
  Weights: v.nullish(WeightsSchema, () => ({ Passing: 1, Warning: 1 })),
  Check: block(AgentCheckDefinitionSchema),
  Checks: list(AgentCheckDefinitionSchema),
  Namespace: text,
});
export type AgentServiceDefinition = v.InferOutput<typeof AgentServiceDefinitionSchema>;
