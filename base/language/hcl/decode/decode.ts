import type { Attribute, Block, Body, Expression } from "../ast.ts";
import { expandDynamic } from "../evaluate/dynamic.ts";
import { fault, lookUp, type Scope } from "../evaluate/scope.ts";
import { didYouMean } from "../../nearest.ts";
import { positionAt, type Span } from "../source.ts";
import { decodeFree } from "./free.ts";
import type { BlockTable, Fields, FreeRule, NestedRule } from "./table.ts";

/** Reads a body by its table. What is wrong is told to the scope; what is right is in the result. */
export function decodeBody(body: Body, table: BlockTable, scope: Scope): Fields {
  const fields: Fields = {};
  const seen = new Map<string, Span>();
  for (const { item, scope: inner } of expandDynamic(body, scope)) {
    if (item.kind === "attribute") decodeAttribute(item, table, { scope: inner, fields, seen });
    else decodeBlock(item, table, { scope: inner, fields, seen });
  }
  return table.finish === undefined ? fields : table.finish(fields, { scope, body });
}

interface Decoding {
  readonly scope: Scope;
  readonly fields: Fields;
  /** What may be given once, and where it was. */
  readonly seen: Map<string, Span>;
}

function decodeAttribute(item: Attribute, table: BlockTable, { scope, fields, seen }: Decoding): void {
  const rule = own(table.attributes, item.name);
  if (rule === undefined) return unknownKey(item, table, scope);
  if (!first(item.name, item.nameSpan, { scope, fields, seen })) return;
  if (isBareWord(item.value, scope)) {
    const word = scope.source.text.slice(item.value.start, item.value.end);
    return fault(scope, item.value, {
      message: `${item.name}: the name "${word}" is not known`,
      hint: `for text write "${word}"`,
    });
  }
  const value = scope.evaluate(item.value, scope);
  // null means: as if it were not there.
  if (value === undefined || value === null) return;
  const read = rule.read(value);
  if ("value" in read) fields[rule.field] = read.value;
  else fault(scope, item.value, { message: `${item.name}: ${read.message}`, hint: read.hint });
}

/** `type = batch`: quotes were forgotten. Names of the task's environment may stand alone. */
function isBareWord(value: Expression, scope: Scope): boolean {
  return value.kind === "variable" && lookUp(scope, value.name) === undefined && !value.name.startsWith("NOMAD_");
}

function decodeBlock(item: Block, table: BlockTable, decoding: Decoding): void {
  const { scope, fields } = decoding;
  const rule = own(table.blocks, item.type);
  if (rule === undefined) return unknownKey(item, table, scope);
  if (rule.kind === "custom") return rule.decode(item, scope, fields);
  if (rule.kind === "free") return decodeFreeBlock(item, rule, decoding);
  const label = labelOf(item, rule, scope);
  if (label === undefined) return;
  const inner = decodeBody(item.body, rule.table(), scope);
  if (rule.label !== undefined && rule.label !== "" && label.value !== "") inner[rule.label] = label.value;
  if (rule.many === "one") {
    if (first(item.type, item.typeSpan, decoding)) fields[rule.field] = inner;
  } else if (rule.many === "list") {
    append(fields, rule.field, inner);
  } else if (first(`${item.type} "${label.value}"`, item.typeSpan, decoding)) {
    const map = fields[rule.field];
    fields[rule.field] = { ...(typeof map === "object" ? map : {}), [label.value]: inner };
  }
}

function decodeFreeBlock(item: Block, rule: FreeRule, decoding: Decoding): void {
  const { scope, fields } = decoding;
  if (!first(item.type, item.typeSpan, decoding)) return;
  const read = rule.read(decodeFree(item.body, scope));
  if ("value" in read) fields[rule.field] = read.value;
  else fault(scope, item.typeSpan, { message: `${item.type}: ${read.message}`, hint: read.hint });
}

/** Adds to a list field. */
export function append(fields: Fields, field: string, value: unknown): void {
  const list = fields[field];
  if (Array.isArray(list)) list.push(value);
  else fields[field] = [value];
}

function labelOf(item: Block, rule: NestedRule, scope: Scope): { readonly value: string } | undefined {
  const [label, second] = item.labels;
  if (rule.label === undefined && label !== undefined) {
    return fault(scope, label, { message: `a ${item.type} block has no label`, hint: `write: ${item.type} { … }` });
  }
  if (second !== undefined) return fault(scope, second, { message: `a ${item.type} block has one label` });
  if (rule.label !== undefined && label === undefined && rule.optionalLabel !== true) {
    return fault(scope, item.typeSpan, {
      message: `this ${item.type} block has no name`,
      hint: `write: ${item.type} "name" { … }`,
    });
  }
  return { value: label?.value ?? "" };
}

function first(name: string, span: Span, { scope, seen }: Decoding): boolean {
  const earlier = seen.get(name);
  if (earlier === undefined) {
    seen.set(name, span);
    return true;
  }
  const { line } = positionAt(scope.source, earlier.start);
  fault(scope, span, { message: `${name} is given twice; the first is on line ${line}` });
  return false;
}

function unknownKey(item: Attribute | Block, table: BlockTable, scope: Scope): void {
  const name = item.kind === "attribute" ? item.name : item.type;
  const span = item.kind === "attribute" ? item.nameSpan : item.typeSpan;
  const instead = own(table.ignored ?? {}, name);
  if (instead !== undefined)
    return fault(scope, span, { message: `"${name}" is not supported in ${table.name}`, hint: instead });
  if (item.kind === "block" && own(table.attributes, name) !== undefined) {
    return fault(scope, span, {
      message: `"${name}" is an attribute of ${table.name}, not a block`,
      hint: `write: ${name} = …`,
    });
  }
  if (item.kind === "attribute" && own(table.blocks, name) !== undefined) {
    return fault(scope, span, {
      message: `"${name}" is a block of ${table.name}, not an attribute`,
      hint: `write: ${name} { … }`,
    });
  }
  const known = [...Object.keys(table.attributes), ...Object.keys(table.blocks)];
  fault(scope, span, { message: `unknown ${item.kind} "${name}" in ${table.name}`, hint: didYouMean(name, known) });
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
