import type { Attribute, Block, Body } from "../ast.ts";
import { locate, type Diagnostic } from "../diagnostic.ts";
import { didYouMean } from "../../nearest.ts";
import { looksLikeJson, parseJsonBody } from "../decode/json-body.ts";
import { parseHcl, parseHclExpression } from "../parse.ts";
import type { SourceText } from "../source.ts";
import { toFlag, toText } from "./convert.ts";
import { rootScope } from "./root.ts";
import { fault, type Scope } from "./scope.ts";
import { convertTo, readType, type ValueType } from "./type.ts";
import { mapOf, type Value, type ValueMap } from "./value.ts";

/** Where a variable's value comes from; later ones win. */
export type VariableInput =
  /** `-var name=text` (an unknown name is a mistake) or the environment (it is not). */
  | { readonly kind: "text"; readonly name: string; readonly text: string; readonly from: "flag" | "environment" }
  /** A `-var-file`, in HCL or JSON. */
  | { readonly kind: "file"; readonly source: SourceText };

interface Declared {
  readonly block: Block;
  readonly type: ValueType;
  readonly fallback: Value | undefined;
  readonly validations: readonly Block[];
  /** Its value is not shown in messages. */
  readonly sensitive: boolean;
  /** False: null is no value for it. */
  readonly nullable: boolean;
}

/** The variables a file declares. */
export interface ResolvedVariables {
  readonly values: ValueMap;
  readonly sensitive: ReadonlySet<string>;
}

export interface VariableOptions {
  readonly inputs: readonly VariableInput[];
  /** False: values for variables that are not declared are passed over. */
  readonly strict?: boolean;
  readonly report: (diagnostic: Diagnostic) => void;
}

/** The values of all `variable` blocks, checked against their types and validations. */
export function resolveVariables(body: Body, scope: Scope, options: VariableOptions): ResolvedVariables | undefined {
  const declared = new Map<string, Declared>();
  for (const item of body.items) if (item.kind === "block" && item.type === "variable") declare(item, scope, declared);
  const shorthand = new Map<string, Value>();
  for (const item of body.items)
    if (item.kind === "block" && item.type === "variables") readShorthand(item, scope, shorthand);
  if (declared.size === 0 && shorthand.size === 0 && options.inputs.length === 0) return undefined;
  const given = new Map<string, Value>();
  const known = new Map([...shorthand.keys()].map((name): [string, ValueType] => [name, { kind: "any" }]));
  for (const [name, { type }] of declared) known.set(name, type);
  for (const input of options.inputs) readInput(input, { ...options, known, given, scope });
  const entries: [string, Value][] = Array.from(shorthand, ([name, value]) => [name, given.get(name) ?? value]);
  for (const [name, each] of declared) {
    const value = settle(name, each, { scope, given: given.get(name) });
    if (value !== undefined) entries.push([name, value]);
  }
  const values = mapOf(entries);
  for (const [name, each] of declared) if (Object.hasOwn(values, name)) validate(each, scope, values);
  const sensitive = [...declared].flatMap(([name, each]) => (each.sensitive ? [name] : []));
  return { values, sensitive: new Set(sensitive) };
}

const KNOWN_KEYS = ["type", "default", "description", "sensitive", "nullable", "validation"];

function declare(block: Block, scope: Scope, declared: Map<string, Declared>): void {
  const [label, ...more] = block.labels;
  if (label === undefined || more.length > 0) {
    return fault(scope, block.typeSpan, {
      message: "a variable has one label, its name",
      hint: 'variable "name" { … }',
    });
  }
  if (declared.has(label.value))
    return fault(scope, label, { message: `the variable "${label.value}" is declared twice` });
  const attributes = new Map<string, Attribute>();
  const validations: Block[] = [];
  for (const item of block.body.items) {
    const name = item.kind === "attribute" ? item.name : item.type;
    const span = item.kind === "attribute" ? item.nameSpan : item.typeSpan;
    if (!KNOWN_KEYS.includes(name))
      fault(scope, span, { message: `unknown key "${name}" in variable`, hint: didYouMean(name, KNOWN_KEYS) });
    else if (item.kind === "attribute") attributes.set(name, item);
    else validations.push(item);
  }
  const typeNode = attributes.get("type")?.value;
  const type = typeNode === undefined ? { kind: "any" as const } : readType(typeNode);
  if ("problem" in type) return fault(scope, type.span, { message: type.problem });
  const defaultNode = attributes.get("default")?.value;
  let fallback = defaultNode === undefined ? undefined : scope.evaluate(defaultNode, { ...scope, deferUnknown: false });
  if (defaultNode !== undefined && fallback === undefined) return undefined;
  if (defaultNode !== undefined && fallback !== undefined) {
    const converted = convertTo(fallback, type);
    if (!converted.ok)
      return fault(scope, defaultNode, { message: `the default does not fit the type: ${converted.message}` });
    fallback = converted.value;
  }
  const flags = {
    sensitive: flagOf(attributes.get("sensitive"), scope),
    nullable: attributes.get("nullable") === undefined || flagOf(attributes.get("nullable"), scope),
  };
  declared.set(label.value, { block, type, fallback, validations, ...flags });
}

function flagOf(attribute: Attribute | undefined, scope: Scope): boolean {
  if (attribute === undefined) return false;
  const value = scope.evaluate(attribute.value, { ...scope, deferUnknown: false });
  const flag = value === undefined ? false : toFlag(value);
  if (flag === undefined) fault(scope, attribute.value, { message: `${attribute.name}: expected true or false` });
  return flag ?? false;
}

function readShorthand(block: Block, scope: Scope, values: Map<string, Value>): void {
  for (const item of block.body.items) {
    if (item.kind === "block") fault(scope, item, { message: "variables { … } holds attributes only" });
    else {
      const value = scope.evaluate(item.value, { ...scope, deferUnknown: false });
      if (value !== undefined) values.set(item.name, value);
    }
  }
}

interface InputReader extends VariableOptions {
  readonly known: ReadonlyMap<string, ValueType>;
  readonly given: Map<string, Value>;
  readonly scope: Scope;
}

function readInput(input: VariableInput, reader: InputReader): void {
  if (input.kind === "file") return readFileInput(input.source, reader);
  const type = reader.known.get(input.name);
  const source = { name: `${input.from === "flag" ? "-var" : "environment"} ${input.name}`, text: input.text };
  if (type === undefined) {
    if (input.from === "flag") undeclared(input.name, { reader, source, span: { start: 0, end: input.text.length } });
    return;
  }
  const simple = type.kind === "any" || type.kind === "string" || type.kind === "number" || type.kind === "bool";
  if (simple) return void reader.given.set(input.name, input.text);
  const { node, diagnostics } = parseHclExpression(source);
  diagnostics.forEach(reader.report);
  if (diagnostics.length > 0) return;
  const value = reader.scope.evaluate(node, inputScope(source, reader));
  if (value !== undefined) reader.given.set(input.name, value);
}

const FILE_OF_VALUES = { name: "a variable file", attributes: {}, blocks: {} };

function readFileInput(source: SourceText, reader: InputReader): void {
  const { node, diagnostics } = looksLikeJson(source.text) ? parseJsonBody(source, FILE_OF_VALUES) : parseHcl(source);
  diagnostics.forEach(reader.report);
  const scope = inputScope(source, reader);
  for (const item of node.items) {
    if (item.kind === "block") {
      fault(scope, item.typeSpan, {
        message: "a variable file holds only attributes",
        hint: `write: ${item.type} = { … }`,
      });
      continue;
    }
    if (!reader.known.has(item.name)) undeclared(item.name, { reader, source, span: item.nameSpan });
    const value = scope.evaluate(item.value, scope);
    if (value !== undefined) reader.given.set(item.name, value);
  }
}

function inputScope(source: SourceText, reader: InputReader): Scope {
  const complain: Scope["complain"] = (complaint) => reader.report(locate(complaint, { source }));
  return rootScope({ source, complain, functions: reader.scope.functions });
}

interface Undeclared {
  readonly reader: InputReader;
  readonly source: SourceText;
  readonly span: { readonly start: number; readonly end: number };
}

function undeclared(name: string, { reader, source, span }: Undeclared): void {
  if (reader.strict === false) return;
  const hint = didYouMean(name, reader.known.keys()) ?? `declare it in the job: variable "${name}" { … }`;
  reader.report(
    locate({ code: "hcl_value", message: `the variable "${name}" is not declared`, hint, span }, { source }),
  );
}

function settle(
  name: string,
  each: Declared,
  { scope, given }: { readonly scope: Scope; readonly given: Value | undefined },
): Value | undefined {
  if (given === undefined) {
    if (each.fallback !== undefined) return each.fallback;
    const hint = `give one: -var ${name}=…, a -var-file, NOMAD_VAR_${name}, or a default`;
    return fault(scope, each.block.labels[0] ?? each.block, { message: `the variable "${name}" has no value`, hint });
  }
  const converted = convertTo(given, each.type);
  const place = each.block.labels[0] ?? each.block;
  if (converted.ok && (converted.value !== null || each.nullable)) return converted.value;
  if (converted.ok) return fault(scope, place, { message: `the variable "${name}" must not be null` });
  const why = each.sensitive ? "its type is another (the value is sensitive)" : converted.message;
  return fault(scope, place, { message: `the value given for "${name}" does not fit: ${why}` });
}

function validate(each: Declared, scope: Scope, values: ValueMap): void {
  const inner: Scope = { ...scope, variables: new Map([["var", values]]), deferUnknown: false };
  for (const block of each.validations) {
    const attribute = (name: string): Attribute | undefined =>
      block.body.items.find((item): item is Attribute => item.kind === "attribute" && item.name === name);
    const condition = attribute("condition");
    const message = attribute("error_message");
    if (condition === undefined) {
      fault(scope, block, { message: "a validation needs a condition" });
      continue;
    }
    const outcome = scope.evaluate(condition.value, inner);
    if (outcome === undefined || toFlag(outcome) === true) continue;
    const text = message === undefined ? undefined : scope.evaluate(message.value, inner);
    const name = each.block.labels[0]?.value ?? "";
    fault(scope, condition, {
      message: `the value of "${name}" is not valid: ${(text === undefined ? undefined : toText(text)) ?? "its condition is false"}`,
    });
  }
}
