import type { Expression } from "./ast.ts";
import {
  complain,
  endOfLast,
  expect,
  MAX_CHAIN,
  nested,
  peek,
  peekSecond,
  take,
  textOf,
  unexpected,
  withNewlines,
  type Parser,
} from "./parser.ts";

/** What may follow a value: `.name`, `.0`, `[index]`, `.*`, `[*]`, any number of times. */
export function parseSteps(parser: Parser, first: Expression): Expression {
  let expression = first;
  for (let count = 0; !parser.recovering; count++) {
    const token = peek(parser);
    if (token.type !== "." && token.type !== "[") return expression;
    if (count >= MAX_CHAIN) {
      complain(parser, token, { message: `more than ${MAX_CHAIN} steps in one expression` });
      return expression;
    }
    expression = token.type === "." ? parseDot(parser, expression) : parseIndex(parser, expression);
  }
  return expression;
}

function parseDot(parser: Parser, object: Expression): Expression {
  take(parser);
  const token = peek(parser);
  const { start } = object;
  if (token.type === "identifier") {
    take(parser);
    return { kind: "get-attribute", object, name: textOf(parser, token), start, end: token.end };
  }
  if (token.type === "number") return parseLegacyIndex(parser, object);
  if (token.type === "*") {
    take(parser);
    const each = parseAttributeSteps(parser, { kind: "splat-item", start: token.end, end: token.end });
    return { kind: "splat", style: "attribute", object, each, start, end: endOfLast(parser) };
  }
  unexpected(parser, { what: 'a name, a number or "*" after "."' });
  return object;
}

/** `list.0`, and `list.0.1`, which arrives as one number. */
function parseLegacyIndex(parser: Parser, object: Expression): Expression {
  const token = take(parser);
  const digits = textOf(parser, token);
  if (!/^\d+(\.\d+)?$/.test(digits)) {
    complain(parser, token, { message: `${JSON.stringify(digits)} is no index; expected a whole number` });
    return object;
  }
  let result = object;
  let start = token.start;
  for (const part of digits.split(".")) {
    const end = start + part.length;
    const index: Expression = { kind: "literal", value: Number(part), start, end };
    result = { kind: "get-index", object: result, index, start: object.start, end };
    start = end + 1;
  }
  return result;
}

/** After `.*` only names and numbers belong to each element. */
function parseAttributeSteps(parser: Parser, item: Expression): Expression {
  let each = item;
  for (let count = 0; count < MAX_CHAIN && !parser.recovering && peek(parser).type === "."; count++) {
    const next = peekSecond(parser).type;
    if (next !== "identifier" && next !== "number") return each;
    each = parseDot(parser, each);
  }
  return each;
}

function parseIndex(parser: Parser, object: Expression): Expression {
  take(parser);
  const { start } = object;
  const step = withNewlines<Expression | undefined>(parser, false, () => {
    if (peek(parser).type === "*" && peekSecond(parser).type === "]") {
      take(parser);
      take(parser);
      return undefined;
    }
    const index = parser.parseExpression(parser);
    expect(parser, "]", { what: '"]" after the index' });
    return index;
  });
  if (step !== undefined) return { kind: "get-index", object, index: step, start, end: endOfLast(parser) };
  return fullSplat(parser, object);
}

function fullSplat(parser: Parser, object: Expression): Expression {
  const at = endOfLast(parser);
  const item: Expression = { kind: "splat-item", start: at, end: at };
  const each = nested<Expression>(
    parser,
    () => parseSteps(parser, item),
    () => item,
  );
  return { kind: "splat", style: "full", object, each, start: object.start, end: endOfLast(parser) };
}
