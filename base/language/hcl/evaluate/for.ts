import type { Expression, ForObject, ForTuple } from "../ast.ts";
import { toFlag, toText } from "./convert.ts";
import { bind, fault, type Scope } from "./scope.ts";
import { isList, isMap, mapOf, sortedKeys, typeName, type Value } from "./value.ts";

interface Loop {
  readonly keyName: string | undefined;
  readonly valueName: string;
  readonly collection: Expression;
}

/** The scopes of a loop's rounds: lists in their order, objects by their sorted keys. Undefined: it failed. */
export function rounds(loop: Loop, scope: Scope): readonly Scope[] | undefined {
  const collection = scope.evaluate(loop.collection, scope);
  if (collection === undefined) return undefined;
  const pairs = pairsOf(collection);
  if (pairs === undefined) {
    const hint = typeof collection === "string" && collection.includes("${") ? "its value is not known yet" : undefined;
    return fault(scope, loop.collection, {
      message: `for needs a list or an object, this is ${typeName(collection)}`,
      hint,
    });
  }
  return pairs.map(([key, value]) => {
    const inner = loop.keyName === undefined ? scope : bind(scope, loop.keyName, key);
    return bind(inner, loop.valueName, value);
  });
}

function pairsOf(collection: Value): readonly (readonly [string | number, Value])[] | undefined {
  if (isList(collection)) return collection.map((value, index) => [index, value]);
  if (isMap(collection)) return sortedKeys(collection).map((key) => [key, collection[key] ?? null]);
  return undefined;
}

export function evaluateForTuple(node: ForTuple, scope: Scope): Value | undefined {
  const list: Value[] = [];
  for (const round of rounds(node, scope) ?? [undefined]) {
    if (round === undefined) return undefined;
    const wanted = included(node.condition, round);
    if (wanted === undefined) return undefined;
    if (!wanted) continue;
    const value = scope.evaluate(node.value, round);
    if (value === undefined) return undefined;
    list.push(value);
  }
  return list;
}

export function evaluateForObject(node: ForObject, scope: Scope): Value | undefined {
  const groups = new Map<string, Value[]>();
  for (const round of rounds(node, scope) ?? [undefined]) {
    if (round === undefined) return undefined;
    const wanted = included(node.condition, round);
    if (wanted === undefined) return undefined;
    if (!wanted) continue;
    const keyValue = scope.evaluate(node.key, round);
    const value = scope.evaluate(node.value, round);
    if (keyValue === undefined || value === undefined) return undefined;
    const key = toText(keyValue);
    if (key === undefined)
      return fault(scope, node.key, { message: `a key must be a string, this is ${typeName(keyValue)}` });
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else if (node.grouped) group.push(value);
    else
      return fault(scope, node.key, {
        message: `the key "${key}" occurs twice`,
        hint: 'write "..." after the value to collect values of equal keys',
      });
  }
  return mapOf(Array.from(groups, ([key, group]) => [key, node.grouped ? group : (group[0] ?? null)]));
}

function included(condition: Expression | undefined, scope: Scope): boolean | undefined {
  if (condition === undefined) return true;
  const value = scope.evaluate(condition, scope);
  if (value === undefined) return undefined;
  const flag = toFlag(value);
  return flag ?? fault(scope, condition, { message: `"if" needs true or false, this is ${typeName(value)}` });
}
