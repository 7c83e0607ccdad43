import { quote } from "../format/quote.ts";
import { unquote } from "../lex/unquote.ts";
import type { Item, ItemKind } from "../lex/item.ts";
import type { Cursor } from "./cursor.ts";
import type { CommandNode, Expression, PipeNode, VariableNode } from "./node.ts";
import { parseNumber } from "./number.ts";
import { showNode } from "./show-node.ts";

/** What an expression is read in: the items, the names known so far. */
export interface Scope {
  readonly cursor: Cursor;
  /** Variables declared and not yet out of scope, with their `$`. */
  readonly variables: string[];
  readonly hasFunction: (name: string) => boolean;
  /** Parentheses open around what is read. */
  depth: number;
}

/** Parentheses within parentheses; Go allows 10,000, which would exhaust the stack here. */
const MAX_DEPTH = 500;

const constants: ReadonlySet<string> = new Set(["bool", "dot", "nil", "number", "string"]);
const starts: ReadonlySet<ItemKind> = new Set<ItemKind>([
  "bool",
  "character",
  "complex",
  ".",
  "field",
  "identifier",
  "number",
  "nil",
  "string",
  "variable",
  "(",
]);

/** `declarations? command ('|' command)*` up to and with the item that ends it. */
export function parsePipeline(scope: Scope, context: string, end: "right delim" | ")"): PipeNode {
  const { cursor } = scope;
  const { position } = cursor.peekNonSpace();
  const { declarations, assigns } = parseDeclarations(scope, context);
  const commands: CommandNode[] = [];
  for (;;) {
    const item = cursor.nextNonSpace();
    if (item.kind === end) break;
    if (!starts.has(item.kind)) cursor.unexpected(item, context);
    cursor.back(item);
    commands.push(parseCommand(scope));
  }
  if (commands.length === 0) cursor.fail(`missing value for ${context}`);
  const wrong = commands.findIndex(({ first }, index) => index > 0 && constants.has(first.kind));
  if (wrong > 0) cursor.fail(`non executable command in pipeline stage ${wrong + 1}`);
  return { kind: "pipe", position, assigns, declarations, commands };
}

function parseDeclarations(
  scope: Scope,
  context: string,
): { readonly declarations: readonly VariableNode[]; readonly assigns: boolean } {
  const { cursor } = scope;
  const declarations: VariableNode[] = [];
  for (;;) {
    const variable = cursor.peekNonSpace();
    if (variable.kind !== "variable") return { declarations, assigns: false };
    cursor.next();
    const after = cursor.peek();
    const next = cursor.peekNonSpace();
    const comma = next.kind === "char" && next.value === ",";
    if (next.kind !== "=" && next.kind !== ":=" && !comma) {
      // A variable as a first operand; the space after it tells operands apart.
      cursor.back(...(after.kind === "space" ? [variable, after] : [variable]));
      return { declarations, assigns: false };
    }
    cursor.nextNonSpace();
    declarations.push(variableNode(variable));
    scope.variables.push(variable.value);
    if (!comma) return { declarations, assigns: next.kind === "=" };
    if (context !== "range" || declarations.length > 1) cursor.fail(`too many declarations in ${context}`);
    const { kind } = cursor.peekNonSpace();
    if (kind !== "variable" && kind !== "right delim" && kind !== ")")
      cursor.fail("range can only initialize variables");
  }
}

function variableNode(item: Pick<Item, "value" | "position">): VariableNode {
  const [name = "", ...fields] = item.value.split(".");
  return { kind: "variable", position: item.position, name, fields };
}

/** `operand (space operand)*` up to a pipe, which is consumed, or what ends the pipeline, which is not. */
function parseCommand(scope: Scope): CommandNode {
  const { cursor } = scope;
  const { position } = cursor.peekNonSpace();
  const operands: Expression[] = [];
  for (;;) {
    cursor.peekNonSpace();
    const operand = parseOperand(scope);
    if (operand !== undefined) operands.push(operand);
    const item = cursor.next();
    if (item.kind === "space") continue;
    if (item.kind === "right delim" || item.kind === ")") cursor.back(item);
    else if (item.kind !== "|") cursor.unexpected(item, "operand");
    break;
  }
  const [first, ...rest] = operands;
  return first === undefined ? cursor.fail("empty command") : { kind: "command", position, first, rest };
}

/** A term with the fields that follow it; `undefined`: what comes next is no operand. */
function parseOperand(scope: Scope): Expression | undefined {
  const { cursor } = scope;
  const node = parseTerm(scope);
  const { kind, position } = cursor.peek();
  if (node === undefined || kind !== "field") return node;
  const fields: string[] = [];
  while (cursor.peek().kind === "field") fields.push(cursor.next().value.slice(1));
  if (node.kind === "field" || node.kind === "variable") {
    return { ...node, position, fields: [...node.fields, ...fields] };
  }
  if (constants.has(node.kind)) cursor.fail(`unexpected . after term ${quote(showNode(node))}`);
  return { kind: "chain", position, node, fields };
}

function parseTerm(scope: Scope): Expression | undefined {
  const { cursor } = scope;
  const item = cursor.nextNonSpace();
  const { position } = item;
  switch (item.kind) {
    case "identifier":
      if (!scope.hasFunction(item.value)) cursor.fail(`function ${quote(item.value)} not defined`);
      return { kind: "identifier", position, name: item.value };
    case ".":
      return { kind: "dot", position };
    case "nil":
      return { kind: "nil", position };
    case "variable":
      if (!scope.variables.includes(item.value)) cursor.fail(`undefined variable ${quote(item.value)}`);
      return variableNode(item);
    case "field":
      return { kind: "field", position, fields: [item.value.slice(1)] };
    case "bool":
      return { kind: "bool", position, value: item.value === "true" };
    case "character":
    case "complex":
    case "number": {
      const constant = parseNumber(item.value, item.kind);
      return typeof constant === "string" ? cursor.fail(constant) : { kind: "number", position, ...constant };
    }
    case "(":
      return parseParenthesized(scope);
    case "string":
      return { kind: "string", position, quoted: item.value, text: parseString(cursor, item) };
    default:
      cursor.back(item);
      return undefined;
  }
}

function parseParenthesized(scope: Scope): PipeNode {
  if (scope.depth >= MAX_DEPTH) scope.cursor.fail("max expression depth exceeded");
  scope.depth++;
  const pipe = parsePipeline(scope, "parenthesized pipeline", ")");
  scope.depth--;
  return pipe;
}

export function parseString(cursor: Cursor, item: Item): string {
  return unquote(item.value) ?? cursor.fail("invalid syntax");
}
