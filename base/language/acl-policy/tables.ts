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

/** A block without a name for all of them, and any number with one. */
function maybeNamed(name: string, resource: ResourceName): ReturnType<typeof nestedBlock> {
  const table = { name, attributes: policy, blocks: {}, finish: checked(resource) };
  return nestedBlock(name, table, { many: "list", label: "Name", optionalLabel: true });
}

/** `acl = "read"`: a rule in a word. */
function word(field: string, resource: ResourceName): ReturnType<typeof to> {
  const known = [...Object.keys(RESOURCES[resource].policies), DENY];
  return to(field, (value) => {
    if (typeof value === "string" && known.includes(value)) return { value };
    return { message: `${JSON.stringify(value)} is not known here; expected ${known.join(", ")}` };
  });
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
  agent: "agent",
};
/** Blocks of these without a name are rules of Nomad's nodes and agents. */
const ALSO_PLAIN: Readonly<Record<string, string>> = { node: "Node", agent: "Agent" };
const serviceExtras = { intentions: word("Intentions", "service") };
const byName = Object.entries(BY_NAME).flatMap(([type, resource]) => {
  const attributes = resource === "service" ? { ...policy, ...serviceExtras } : policy;
  const table = (name: string): BlockTable => ({ name, attributes, blocks: {}, finish: checked(resource) });
  const rule = (name: string) => nestedBlock(name, table(name), { many: "list", label: "Name" });
  const exact = Object.hasOwn(ALSO_PLAIN, type) ? maybeNamed(type, resource) : rule(type);
  return [
    { type, resource, prefix: false, rule: exact },
    { type: `${type}_prefix`, resource, prefix: true, rule: rule(`${type}_prefix`) },
  ];
});

export const aclPolicy: BlockTable = {
  name: "an ACL policy",
  attributes: {
    operator: word("OperatorWord", "operator"),
    acl: word("Acl", "acl"),
    keyring: word("Keyring", "keyring"),
    mesh: word("Mesh", "mesh"),
    peering: word("Peering", "peering"),
  },
  blocks: {
    namespace: nestedBlock("Namespaces", namespace, { many: "list", label: "Name", optionalLabel: true }),
    node_pool: named("node_pool", "NodePools", "node-pool"),
    host_volume: named("host_volume", "HostVolumes", "host-volume"),
    operator: nestedBlock("Operator", {
      name: "operator",
      attributes: { ...policy, ...capabilities },
      blocks: {},
      finish: checked("operator"),
    }),
    quota: plain("quota", "Quota", "quota"),
    plugin: plain("plugin", "Plugin", "plugin"),
    ...Object.fromEntries(byName.map(({ type, rule }) => [type, rule])),
  },
  finish(fields, place) {
    const Names = byName.flatMap(({ type, resource, prefix }) =>
      blocksIn(fields[type])
        .filter(({ Name }) => prefix || Name !== undefined || !Object.hasOwn(ALSO_PLAIN, type))
        .map((block) => ({ ...block, Resource: resource, Prefix: prefix })),
    );
    const { OperatorWord, ...rest } = fields;
    return {
      ...rest,
      ...(OperatorWord === undefined ? {} : { Operator: { Policy: OperatorWord } }),
      ...plainBlocks(fields, place),
      ...(Names.length === 0 ? {} : { Names }),
    };
  },
};

function plainBlocks(fields: Fields, { scope, body }: { readonly scope: Scope; readonly body: Body }): Fields {
  const found: Fields = {};
  for (const [type, field] of Object.entries(ALSO_PLAIN)) {
    const [block, second] = blocksIn(fields[type]).filter(({ Name }) => Name === undefined);
    if (second !== undefined) fault(scope, body, { message: `${type} is given twice without a name` });
    if (block !== undefined) found[field] = block;
  }
  return found;
}

function blocksIn(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map((block: unknown) => ({ ...(typeof block === "object" ? block : {}) })) : [];
}
