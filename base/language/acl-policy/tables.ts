import type { Body } from "../hcl/ast.ts";
import { text, texts } from "../hcl/decode/readers.ts";
import { nestedBlock, to, type BlockTable, type Fields } from "../hcl/decode/table.ts";
import { fault, type Scope } from "../hcl/evaluate/scope.ts";
import { didYouMean } from "../nearest.ts";
import { DENY, RESOURCES, type ResourceName, type Vocabulary } from "./vocabulary.ts";

/** Complains about words that a rule of this resource does not know, with their place. */
function checked(resource: ResourceName): NonNullable<BlockTable["finish"]> {
  const vocabulary: Vocabulary = RESOURCES[resource];
  const policies = [...Object.keys(vocabulary.policies), DENY];
  const capabilities = [...Object.keys(vocabulary.capabilities), DENY];
  return (fields, { scope, body }) => {
    const { Policy, Capabilities } = fields;
    if (typeof Policy === "string" && Policy !== "" && !policies.includes(Policy)) {
      complain({ scope, body, key: "policy", word: Policy, known: policies });
    }
    for (const word of Array.isArray(Capabilities) ? Capabilities.map(String) : []) {
      if (!capabilities.includes(word)) complain({ scope, body, key: "capabilities", word, known: capabilities });
    }
    return fields;
  };
}

interface UnknownWord {
  readonly scope: Scope;
  readonly body: Body;
  readonly key: string;
  readonly word: string;
  readonly known: readonly string[];
}

function complain({ scope, body, key, word, known }: UnknownWord): void {
  const item = body.items.find((each) => each.kind === "attribute" && each.name === key);
  fault(scope, item ?? body, {
    message: `${key}: ${JSON.stringify(word)} is not known here; expected ${known.join(", ")}`,
    hint: didYouMean(word, known),
  });
}

const policy = { policy: to("Policy", text) };
const capabilities = { capabilities: to("Capabilities", texts) };

/** A block without a name, given once. */
function plain(name: string, field: string, resource: ResourceName): ReturnType<typeof nestedBlock> {
  return nestedBlock(field, { name, attributes: policy, blocks: {}, finish: checked(resource) });
}

/** Any number of blocks with a name. */
function named(name: string, field: string, resource: ResourceName): ReturnType<typeof nestedBlock> {
  const table = { name, attributes: { ...policy, ...capabilities }, blocks: {}, finish: checked(resource) };
  return nestedBlock(field, table, { many: "list", label: "Name" });
}

const path: BlockTable = { name: "path", attributes: capabilities, blocks: {}, finish: checked("variables") };

const variables: BlockTable = {
  name: "variables",
  attributes: {},
  blocks: { path: nestedBlock("Paths", path, { many: "list", label: "PathSpec" }) },
};

const namespace: BlockTable = {
  name: "namespace",
  attributes: { ...policy, ...capabilities },
  blocks: { variables: nestedBlock("Variables", variables) },
  finish: checked("namespace"),
};

/** As in Consul's policies: `key "a" { … }` for one name, `key_prefix "a" { … }` for all that start so. */
const BY_NAME: Readonly<Record<string, ResourceName>> = {
  key: "key",
  service: "service",
  session: "session",
  event: "event",
  query: "query",
  node: "node-name",
};
const byName = Object.entries(BY_NAME).flatMap(([type, resource]) => {
  const table = (name: string): BlockTable => ({ name, attributes: policy, blocks: {}, finish: checked(resource) });
  const rule = (name: string) => nestedBlock(name, table(name), { many: "list", label: "Name" });
  // A block `node` without a name is the rule of Nomad's nodes.
  const exact = type === "node" ? [] : [{ type, resource, prefix: false, rule: rule(type) }];
  return [...exact, { type: `${type}_prefix`, resource, prefix: true, rule: rule(`${type}_prefix`) }];
});

export const aclPolicy: BlockTable = {
  name: "an ACL policy",
  attributes: {},
  blocks: {
    namespace: nestedBlock("Namespaces", namespace, { many: "list", label: "Name", optionalLabel: true }),
    node_pool: named("node_pool", "NodePools", "node-pool"),
    host_volume: named("host_volume", "HostVolumes", "host-volume"),
    agent: plain("agent", "Agent", "agent"),
    node: plain("node", "Node", "node"),
    operator: plain("operator", "Operator", "operator"),
    quota: plain("quota", "Quota", "quota"),
    plugin: plain("plugin", "Plugin", "plugin"),
    ...Object.fromEntries(byName.map(({ type, rule }) => [type, rule])),
  },
  finish(fields) {
    const Names = byName.flatMap(({ type, resource, prefix }) =>
      blocksIn(fields[type]).map((block) => ({ ...block, Resource: resource, Prefix: prefix })),
    );
    return Names.length === 0 ? fields : { ...fields, Names };
  },
};

function blocksIn(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map((block: unknown) => ({ ...(typeof block === "object" ? block : {}) })) : [];
}
