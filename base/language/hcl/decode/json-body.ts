import type { Body, BodyItem, Expression, ObjectConstructor, ObjectItem } from "../ast.ts";
import { locate } from "../diagnostic.ts";
import { parseHclExpression, type Parsed } from "../parse.ts";
import type { SourceText, Span } from "../source.ts";
import type { BlockRule, BlockTable, NestedRule } from "./table.ts";

/**
 * A JSON file as a body, by the table that will read it: keys that are blocks there become blocks (an object, or a list of
 * objects; with a label, an object by label), all others attributes. JSON's notation is part of HCL's: places are kept, and
 * comments and trailing commas do no harm.
 */
export function parseJsonBody(source: SourceText, table: BlockTable, options: JsonOptions = {}): Parsed<Body> {
  const empty: Body = { kind: "body", items: [], start: 0, end: source.text.length };
  // Plain text in JSON knows no sequences.
  const text = options.templates === true ? source.text : source.text.replace(/([$%])\{/g, "$1$1{");
  const { node, diagnostics } = parseHclExpression({ name: source.name, text });
  if (diagnostics.length > 0) return { node: empty, diagnostics };
  if (node.kind === "object") return { node: objectBody(node, table), diagnostics };
  return {
    node: empty,
    diagnostics: [locate({ code: "json_shape", message: "expected an object", span: node }, { source })],
  };
}

export interface JsonOptions {
  /** Strings are templates, as in HCL: `"${var.x}"` is a reference. False: they are plain text. */
  readonly templates?: boolean;
}

/** Whether a text is meant to be JSON. */
export function looksLikeJson(text: string): boolean {
  return /^[\s\uFEFF]*\{/.test(text);
}

/** An object as a body, by the table that will read it. */
export function objectBody(object: ObjectConstructor, table: BlockTable): Body {
  return {
    kind: "body",
    items: object.items.flatMap((item) => itemsOf(item, table)),
    start: object.start,
    end: object.end,
  };
}

function itemsOf(item: ObjectItem, table: BlockTable): readonly BodyItem[] {
  const name = item.key.kind === "literal" ? String(item.key.value) : "";
  const keySpan = { start: item.key.start, end: item.key.end };
  const rule =
    name === "dynamic" ? dynamicRule(table) : Object.hasOwn(table.blocks, name) ? table.blocks[name] : undefined;
  // Where a key may be both (`wait = "5s"` and `wait { … }`), its value decides; what is neither is the decoder's to refuse.
  const plain = item.value.kind === "literal" && item.value.value !== null;
  const free = rule === undefined || plain || (rule.kind === "free" && Object.hasOwn(table.attributes, name));
  if (free || (rule.kind === "custom" && rule.json === undefined)) {
    return [{ kind: "attribute", name, nameSpan: keySpan, value: item.value, start: item.start, end: item.end }];
  }
  const nested = rule.kind === "custom" ? rule.json : rule.kind === "nested" ? rule : undefined;
  const inner: BlockTable = nested === undefined ? { name, attributes: {}, blocks: {} } : nested.table();
  const labelled = nested?.label !== undefined;
  return objectsIn(item.value).flatMap((object) => {
    if (!labelled || (nested.optionalLabel === true && isBody(object, inner)))
      return [block({ name, keySpan, label: undefined, object, inner })];
    return object.items.flatMap((each) =>
      objectsIn(each.value).map((value) => block({ name, keySpan, label: each.key, object: value, inner })),
    );
  });
}

/** `{"dynamic": {"port": {"for_each": …, "content": {…}}}}`: what the content may hold depends on the block it makes. */
function dynamicRule(table: BlockTable): NestedRule {
  const nested = Object.values(table.blocks).flatMap((rule) => (rule.kind === "nested" ? [rule.table()] : []));
  const blocks: Readonly<Record<string, BlockRule>> = Object.fromEntries(
    nested.flatMap((each) => Object.entries(each.blocks)),
  );
  const content: BlockTable = { name: "content", attributes: {}, blocks };
  const dynamic: BlockTable = {
    name: "dynamic",
    attributes: {},
    blocks: { content: { kind: "nested", field: "content", many: "one", table: () => content } },
  };
  return { kind: "nested", field: "dynamic", many: "list", label: "label", table: () => dynamic };
}

/** Where a label may be left out: the keys are the block's own, not labels. */
function isBody(object: ObjectConstructor, table: BlockTable): boolean {
  return object.items.some(({ key, value }) =>
    table.isOpen === true
      ? objectsIn(value).length === 0
      : value.kind !== "object" && key.kind === "literal" && Object.hasOwn(table.attributes, String(key.value)),
  );
}

function objectsIn(value: Expression): readonly ObjectConstructor[] {
  if (value.kind === "object") return [value];
  return value.kind === "tuple" ? value.items.flatMap(objectsIn) : [];
}

interface BlockParts {
  readonly name: string;
  readonly keySpan: Span;
  readonly label: Expression | undefined;
  readonly object: ObjectConstructor;
  readonly inner: BlockTable;
}

function block({ name, keySpan, label, object, inner }: BlockParts): BodyItem {
  const labels =
    label?.kind === "literal" ? [{ value: String(label.value), quoted: true, start: label.start, end: label.end }] : [];
  return {
    kind: "block",
    type: name,
    typeSpan: keySpan,
    labels,
    body: objectBody(object, inner),
    start: keySpan.start,
    end: object.end,
  };
}
