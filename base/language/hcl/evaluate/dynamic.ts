import type { Attribute, Block, Body, BodyItem } from "../ast.ts";
import { toText } from "./convert.ts";
import { bind, fault, spend, type Scope } from "./scope.ts";
import { isList, isMap, sortedKeys, typeName, type Value } from "./value.ts";

export interface ScopedItem {
  readonly item: BodyItem;
  /** Names that a `dynamic` block bound. */
  readonly scope: Scope;
}

/** Blocks one `dynamic` block may become. */
const MAX_BLOCKS = 10_000;
/** What reading a block costs, beside the expressions in it. */
const STEPS_PER_BLOCK = 100;

/** A body's items with every `dynamic` block replaced by the blocks it stands for. */
export function expandDynamic(body: Body, scope: Scope): readonly ScopedItem[] {
  return body.items.flatMap((item) =>
    item.kind === "block" && item.type === "dynamic" ? expandBlock(item, scope) : [{ item, scope }],
  );
}

function expandBlock(block: Block, scope: Scope): readonly ScopedItem[] {
  const type = block.labels[0];
  const attribute = (name: string): Attribute | undefined =>
    block.body.items.find((item): item is Attribute => item.kind === "attribute" && item.name === name);
  const content = block.body.items.find((item): item is Block => item.kind === "block" && item.type === "content");
  const forEach = attribute("for_each");
  if (type === undefined || block.labels.length > 1 || content === undefined || forEach === undefined) {
    fault(scope, block.typeSpan, {
      message: "a dynamic block needs the label of the block it makes, for_each, and a content block",
      hint: 'dynamic "port" { for_each = …, labels = […], content { … } }',
    });
    return [];
  }
  const collection = scope.evaluate(forEach.value, scope);
  if (collection === undefined) return [];
  const elements = elementsOf(collection);
  if (elements === undefined || elements.length > MAX_BLOCKS) {
    fault(scope, forEach.value, {
      message: `for_each needs a list or an object (at most ${MAX_BLOCKS} elements), this is ${typeName(collection)}`,
    });
    return [];
  }
  if (!spend(scope, forEach.value, elements.length * STEPS_PER_BLOCK)) return [];
  const name = iteratorName(attribute("iterator"), type.value);
  return elements.flatMap(([key, value]) => {
    const inner = bind(scope, name, { key, value });
    const labels = labelsFor(attribute("labels"), inner);
    if (labels === undefined) return [];
    const made: Block = {
      ...content,
      type: type.value,
      typeSpan: type,
      labels: labels.map((label) => ({ value: label, quoted: true, start: type.start, end: type.end })),
    };
    return [{ item: made, scope: inner }];
  });
}

function elementsOf(collection: Value): readonly (readonly [Value, Value])[] | undefined {
  if (isList(collection)) return collection.map((value, index) => [index, value]);
  return isMap(collection) ? sortedKeys(collection).map((key) => [key, collection[key] ?? null]) : undefined;
}

function iteratorName(attribute: Attribute | undefined, otherwise: string): string {
  return attribute?.value.kind === "variable" ? attribute.value.name : otherwise;
}

function labelsFor(attribute: Attribute | undefined, scope: Scope): readonly string[] | undefined {
  if (attribute === undefined) return [];
  const value = scope.evaluate(attribute.value, scope);
  if (value === undefined) return undefined;
  const labels = isList(value) ? value.map(toText) : [undefined];
  if (labels.every((label) => label !== undefined)) return labels;
  return fault(scope, attribute.value, { message: "labels must be a list of strings" });
}
