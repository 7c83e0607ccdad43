import * as v from "valibot";
import { AgentServiceDefinitionSchema, CatalogCheckSchema, CatalogNodeSchema } from "#base/protocol/catalog.ts";
import { anyMap, flag, integer, list, text, textMap, texts } from "#base/protocol/schema.ts";

/** What the Consul API answers, as far as our programs read it (https://developer.hashicorp.com/consul/api-docs). */
const indexes = { CreateIndex: integer, ModifyIndex: integer };

/** Service names with the tags their instances carry. */
export const CatalogServicesSchema = v.record(v.string(), v.array(v.string()));

export const CatalogNodeAnswerSchema = v.object({ ...CatalogNodeSchema.entries, ...indexes });
export type CatalogNodeAnswer = v.InferOutput<typeof CatalogNodeAnswerSchema>;

export const CatalogServiceAnswerSchema = v.object({
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  NodeMeta: textMap,
  ServiceID: text,
  ServiceName: text,
  ServiceAddress: text,
  ServiceTags: texts,
  ServiceMeta: textMap,
  ServicePort: integer,
  ...indexes,
});
export type CatalogServiceAnswer = v.InferOutput<typeof CatalogServiceAnswerSchema>;

const { ID, Service, Tags, Address, Meta, Port } = v.object({
  ...AgentServiceDefinitionSchema.entries,
  Service: text,
}).entries;
export const HealthCheckAnswerSchema = v.object({ ...CatalogCheckSchema.entries, ...indexes });
export const HealthServiceAnswerSchema = v.object({
  Node: CatalogNodeAnswerSchema,
  Service: v.object({ ID, Service, Tags, Address, Meta, Port, ...indexes }),
  Checks: list(HealthCheckAnswerSchema),
});
export type HealthServiceAnswer = v.InferOutput<typeof HealthServiceAnswerSchema>;

/** `Flags` is an unsigned 64-bit number, hence bigint. `Value` is base64, null when empty. */
export const KvPairSchema = v.object({
  Key: text,
  Value: v.nullish(v.string(), ""),
  Flags: v.nullish(v.bigint(), 0n),
  LockIndex: v.pipe(
    v.nullish(v.union([v.bigint(), v.number()]), 0),
    v.transform((index) => Number(index)),
  ),
  Session: text,
  ...indexes,
});
export type KvPair = v.InferOutput<typeof KvPairSchema>;

export const ConsulSelfSchema = v.object({ Config: anyMap, Member: anyMap, Meta: anyMap, Stats: anyMap });
export const ConsulMembersSchema = list(
  v.object({ Name: text, Addr: text, Port: integer, Status: integer, Tags: textMap }),
);
export const AgentServicesSchema = v.record(
  v.string(),
  v.object({ ID, Service, Tags, Address, Meta, Port, EnableTagOverride: flag }),
);
