import type { Attribute, Body } from "../ast.ts";
import { fault, type Scope } from "./scope.ts";
import { mapOf, type Value, type ValueMap } from "./value.ts";

/** The values of all `locals` blocks. They may refer to each other in any order, but not in a circle. */
export function resolveLocals(body: Body, scope: Scope): ValueMap | undefined {
  const attributes = new Map<string, Attribute>();
  for (const block of body.items) {
    if (block.kind !== "block" || block.type !== "locals") continue;
    for (const item of block.body.items) {
      if (item.kind === "block")
        fault(scope, item, { message: "locals { … } holds attributes only", hint: `write: ${item.type} = { … }` });
      else if (attributes.has(item.name))
        fault(scope, item.nameSpan, { message: `the local value "${item.name}" is defined twice` });
      else if (attributes.size < MAX_LOCALS) attributes.set(item.name, item);
      else return fault(scope, item.nameSpan, { message: `more than ${MAX_LOCALS} local values` });
    }
  }
  if (attributes.size === 0) return undefined;
  const resolver: Resolver = { attributes, scope, values: new Map(), state: new Map() };
  for (const attribute of attributes.values()) resolve(attribute, resolver);
  return mapOf(resolver.values);
}

interface Resolver {
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly scope: Scope;
  readonly values: Map<string, Value>;
  readonly state: Map<string, "open" | "done">;
}

/** Local values of one file. */
const MAX_LOCALS = 1000;
/** Chains of locals longer than this are refused. */
const MAX_CHAIN = 500;

function resolve(attribute: Attribute, resolver: Resolver, depth = 0): void {
  const { state, scope, values } = resolver;
  if (state.get(attribute.name) === "done") return;
  if (state.get(attribute.name) === "open" || depth > MAX_CHAIN) {
    return fault(scope, attribute.nameSpan, { message: `the local value "${attribute.name}" depends on itself` });
  }
  state.set(attribute.name, "open");
  for (const name of localsIn(attribute.value)) {
    const other = resolver.attributes.get(name);
    if (other !== undefined) resolve(other, resolver, depth + 1);
  }
  const variables = new Map(scope.variables).set("local", mapOf(values));
  const value = scope.evaluate(attribute.value, { ...scope, variables });
  if (value !== undefined) values.set(attribute.name, value);
  state.set(attribute.name, "done");
}

/** Names in `local.NAME` and `local["NAME"]` anywhere below a node. */
function localsIn(node: unknown): readonly string[] {
  if (Array.isArray(node)) return node.flatMap(localsIn);
  if (typeof node !== "object" || node === null) return [];
  const here = localName(node);
  return [...(here === undefined ? [] : [here]), ...Object.values(node).flatMap(localsIn)];
}

function localName(node: object): string | undefined {
  if (!("object" in node) || !isRoot(node.object)) return undefined;
  if ("name" in node && typeof node.name === "string") return node.name;
  const index = "index" in node ? node.index : undefined;
  if (typeof index !== "object" || index === null || !("value" in index)) return undefined;
  return typeof index.value === "string" ? index.value : undefined;
}

function isRoot(node: unknown): boolean {
  return (
    typeof node === "object" &&
    node !== null &&
    "kind" in node &&
    node.kind === "variable" &&
    "name" in node &&
    node.name === "local"
  );
}
