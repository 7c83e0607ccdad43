import * as v from "valibot";
import { anyMap, block, text, textMap, texts } from "./schema.ts";

/** Empty lists allow everything. */
export const NamespaceCapabilitiesSchema = v.object({
  EnabledTaskDrivers: texts,
  DisabledTaskDrivers: texts,
  EnabledNetworkModes: texts,
  DisabledNetworkModes: texts,
});
export type NamespaceCapabilities = v.InferOutput<typeof NamespaceCapabilitiesSchema>;

/** `Default`: where jobs go that name no pool. `Allowed` and `Denied` are globs; only one of them may be given. */
export const NamespaceNodePoolsSchema = v.object({ Default: text, Allowed: texts, Denied: texts });
export type NamespaceNodePools = v.InferOutput<typeof NamespaceNodePoolsSchema>;

/** https://developer.hashicorp.com/nomad/api-docs/namespaces */
export const NamespaceSchema = v.object({
  Name: text,
  Description: text,
  Quota: text,
  Capabilities: block(NamespaceCapabilitiesSchema),
  NodePoolConfiguration: block(NamespaceNodePoolsSchema),
  VaultConfiguration: block(anyMap),
  ConsulConfiguration: block(anyMap),
  Meta: textMap,
});
export type Namespace = v.InferOutput<typeof NamespaceSchema>;

/** What is stored: one that is being deleted takes no new jobs. */
export const StoredNamespaceSchema = v.object({
  ...NamespaceSchema.entries,
  Deleting: v.nullish(v.boolean(), false),
});
export type StoredNamespace = v.InferOutput<typeof StoredNamespaceSchema>;
