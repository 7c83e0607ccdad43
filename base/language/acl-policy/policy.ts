import * as v from "valibot";
import { list, text, texts } from "#base/protocol/schema.ts";

const named = { Name: text, Policy: text };
const NamedRule = v.object({ ...named, Capabilities: texts });
const PlainRule = v.nullish(v.object({ Policy: text }), null);

/** What a policy's text says, by the field names its JSON form has in the API. */
export const PolicyRulesSchema = v.object({
  Namespaces: list(
    v.object({
      ...named,
      Name: v.nullish(v.string(), "default"),
      Capabilities: texts,
      Variables: v.nullish(v.object({ Paths: list(v.object({ PathSpec: text, Capabilities: texts })) }), null),
    }),
  ),
  NodePools: list(NamedRule),
  HostVolumes: list(NamedRule),
  Agent: PlainRule,
  Node: PlainRule,
  Operator: v.nullish(v.object({ Policy: text, Capabilities: texts }), null),
  Quota: PlainRule,
  Plugin: PlainRule,
  /** Of Consul's API, as words: `acl = "read"`. */
  Acl: text,
  Keyring: text,
  Mesh: text,
  Peering: text,
  /** Of Consul's API: `Prefix` rules hold for every name that starts so. */
  Names: list(
    v.object({
      ...named,
      Resource: v.picklist(["key", "service", "session", "event", "query", "node-name", "agent"]),
      Prefix: v.nullish(v.boolean(), false),
    }),
  ),
});
export type PolicyRules = v.InferOutput<typeof PolicyRulesSchema>;
