import * as v from "valibot";
import { flag, integer, list, text, textMap, texts } from "./schema.ts";

const FailoverTargetSchema = v.object({ Datacenter: text, Peer: text });

/** Which instances a query answers with. Texts may hold `${…}` where the query is a template. */
export const QueryServiceSchema = v.object({
  Service: text,
  Failover: v.nullish(v.object({ NearestN: integer, Datacenters: texts, Targets: list(FailoverTargetSchema) }), () => ({
    NearestN: 0,
    Datacenters: [],
    Targets: [],
  })),
  OnlyPassing: flag,
  IgnoreCheckIDs: texts,
  Near: text,
  /** All of them; one that begins with `!` must be absent. */
  Tags: texts,
  NodeMeta: textMap,
  ServiceMeta: textMap,
  Connect: flag,
});
export type QueryService = v.InferOutput<typeof QueryServiceSchema>;

/** A question that is kept under a name. https://developer.hashicorp.com/consul/api-docs/query */
export const PreparedQuerySchema = v.object({
  ID: text,
  Name: text,
  /** Goes with this session; empty: stays. */
  Session: text,
  Token: text,
  Template: v.nullish(v.object({ Type: text, Regexp: text, RemoveEmptyTags: flag }), () => ({
    Type: "",
    Regexp: "",
    RemoveEmptyTags: false,
  })),
  Service: QueryServiceSchema,
  /** A duration with its unit, or empty. */
  DNS: v.nullish(v.object({ TTL: text }), () => ({ TTL: "" })),
});
export type PreparedQuery = v.InferOutput<typeof PreparedQuerySchema>;
