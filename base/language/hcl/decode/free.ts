import type { Body } from "../ast.ts";
import { expandDynamic } from "../evaluate/dynamic.ts";
import { fault, type Scope } from "../evaluate/scope.ts";
import { mapOf, type Value, type ValueMap } from "../evaluate/value.ts";

/** A body of unknown keys as one object: a block becomes an element of a list, each of its labels an object around it. */
export function decodeFree(body: Body, scope: Scope): ValueMap {
  const attributes = new Map<string, Value>();
  const blocks = new Map<string, Value[]>();
  for (const { item, scope: inner } of expandDynamic(body, scope)) {
    if (item.kind === "attribute") {
      if (attributes.has(item.name)) fault(scope, item.nameSpan, { message: `"${item.name}" is set twice` });
      const value = inner.evaluate(item.value, inner);
      if (value !== undefined) attributes.set(item.name, value);
      continue;
    }
    let value: Value = decodeFree(item.body, inner);
    for (const label of item.labels.toReversed()) value = mapOf([[label.value, [value]]]);
    if (attributes.has(item.type))
      fault(scope, item.typeSpan, { message: `"${item.type}" is set as an attribute already` });
    const earlier = blocks.get(item.type);
    if (earlier === undefined) blocks.set(item.type, [value]);
    else earlier.push(value);
  }
  return mapOf([...attributes, ...blocks]);
}
