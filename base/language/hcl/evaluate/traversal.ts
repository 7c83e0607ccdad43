import type { Expression, GetAttribute, GetIndex, Splat, Variable } from "../ast.ts";
import { didYouMean } from "../../nearest.ts";
import { toNumber, toText } from "./convert.ts";
import { fault, lookUp, type Scope } from "./scope.ts";
import { getKey, isList, isMap, typeName, type Value } from "./value.ts";

/** A name and what follows it: `var.x`, `list[0]`, `node.unique.name`. */
export function evaluateTraversal(node: Variable | GetAttribute | GetIndex, scope: Scope): Value | undefined {
  const root = rootOf(node);
  if (root?.kind === "variable" && lookUp(scope, root.name) === undefined) return unknownName(node, root, scope);
  if (node.kind === "variable") return lookUp(scope, node.name);
  const object = scope.evaluate(node.object, scope);
  if (object === undefined) return undefined;
  return node.kind === "get-attribute" ? attributeOf(object, node, scope) : indexOf(object, node, scope);
}

/** `.*` and `[*]`: a list of what every element yields; a single value counts as a list of one, null as none. */
export function evaluateSplat(node: Splat, scope: Scope): Value | undefined {
  const object = scope.evaluate(node.object, scope);
  if (object === undefined) return undefined;
  const items = isList(object) ? object : object === null ? [] : [object];
  const results: Value[] = [];
  for (const item of items) {
    const value = scope.evaluate(node.each, { ...scope, item });
    if (value === undefined) return undefined;
    results.push(value);
  }
  return results;
}

function rootOf(node: Expression): Expression {
  let at = node;
  while (at.kind === "get-attribute" || at.kind === "get-index") at = at.object;
  return at;
}

/** Left as text for the place where the task runs, or a mistake. */
function unknownName(node: Expression, root: Variable, scope: Scope): Value | undefined {
  const name = root.name;
  if (scope.deferUnknown && name !== "var" && name !== "local" && isStatic(node)) {
    return `\${${scope.source.text.slice(node.start, node.end)}}`;
  }
  const known = [...scope.variables.keys()];
  if (name === "var")
    return fault(scope, root, { message: "no variables are declared", hint: 'declare one: variable "name" { … }' });
  if (name === "local")
    return fault(scope, root, { message: "no locals are declared", hint: "declare one: locals { name = … }" });
  return fault(scope, root, {
    message: `the name "${name}" is not known`,
    hint: didYouMean(name, known) ?? `for text write "${name}"`,
  });
}

function isStatic(node: Expression): boolean {
  let at = node;
  while (at.kind === "get-attribute" || at.kind === "get-index") {
    if (at.kind === "get-index" && at.index.kind !== "literal") return false;
    at = at.object;
  }
  return at.kind === "variable";
}

function attributeOf(object: Value, node: GetAttribute, scope: Scope): Value | undefined {
  if (isMap(object)) {
    const value = getKey(object, node.name);
    if (value !== undefined) return value;
    const of = node.object.kind === "variable" ? node.object.name : "";
    const what = of === "var" ? "variable" : of === "local" ? "local value" : "attribute";
    return fault(scope, nameSpan(node), {
      message: `there is no ${what} "${node.name}"`,
      hint: didYouMean(node.name, Object.keys(object)),
    });
  }
  const hint = isList(object) ? `for the ${node.name} of every element write [*].${node.name}` : undefined;
  return fault(scope, nameSpan(node), {
    message: `${typeName(object)} has no attributes (here: "${node.name}")`,
    hint,
  });
}

function nameSpan(node: GetAttribute): { start: number; end: number } {
  return { start: node.end - node.name.length, end: node.end };
}

function indexOf(object: Value, node: GetIndex, scope: Scope): Value | undefined {
  const index = scope.evaluate(node.index, scope);
  if (index === undefined) return undefined;
  if (isMap(object)) {
    const key = toText(index);
    const value = key === undefined ? undefined : getKey(object, key);
    if (value !== undefined) return value;
    const message = `the object has no key ${JSON.stringify(index)}`;
    return fault(scope, node.index, { message, hint: didYouMean(key ?? "", Object.keys(object)) });
  }
  if (!isList(object)) return fault(scope, node.object, { message: `${typeName(object)} has no elements` });
  const at = toNumber(index);
  if (at === undefined)
    return fault(scope, node.index, { message: `an index of a list must be a number, this is ${typeName(index)}` });
  const item = object[at];
  if (item !== undefined) return item;
  const range = object.length === 0 ? "the list is empty" : `the list has the indexes 0 to ${object.length - 1}`;
  return fault(scope, node.index, { message: `there is no element ${at}: ${range}` });
}
