import type { BinaryOperator, Expression } from "./ast.ts";
import { parseCall, parseObject, parseTuple } from "./parse-collection.ts";
import { parseHeredoc, parseQuoted } from "./parse-template.ts";
import { parseSteps } from "./parse-steps.ts";
import {
  accept,
  complain,
  endOfLast,
  expect,
  MAX_CHAIN,
  nested,
  peek,
  take,
  textOf,
  unexpected,
  withNewlines,
  type Parser,
} from "./parser.ts";
import type { Span } from "./source.ts";
import type { Token, TokenType } from "./token.ts";

export function parseExpression(parser: Parser): Expression {
  return nested<Expression>(parser, () => parseConditional(parser), bad);
}

function bad(span: Span): Expression {
  return { kind: "bad", start: span.start, end: span.end };
}

function parseConditional(parser: Parser): Expression {
  const condition = parseBinary(parser, 1);
  if (parser.recovering || accept(parser, "?") === undefined) return condition;
  const then = parser.parseExpression(parser);
  if (parser.recovering) return condition;
  expect(parser, ":", {
    what: '":" and the value for "false"',
    hint: "a conditional is written: condition ? yes : no",
  });
  const otherwise = parser.recovering ? bad(peek(parser)) : parser.parseExpression(parser);
  return { kind: "conditional", condition, then, otherwise, start: condition.start, end: otherwise.end };
}

interface Operator {
  readonly sign: BinaryOperator;
  readonly level: number;
}

const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ["||"],
  ["&&"],
  ["==", "!="],
  ["<", ">", "<=", ">="],
  ["+", "-"],
  ["*", "/", "%"],
];
const OPERATORS = new Map<TokenType, Operator>(
  LEVELS.flatMap((signs, index) => signs.map((sign): [TokenType, Operator] => [sign, { sign, level: index + 1 }])),
);

/** Precedence climbing: reads operators that bind at least as tightly as `level`. */
function parseBinary(parser: Parser, level: number): Expression {
  let left = parseUnary(parser);
  for (let count = 0; !parser.recovering; count++) {
    const token = peek(parser);
    const operator = OPERATORS.get(token.type);
    if (operator === undefined || operator.level < level) return left;
    if (count >= MAX_CHAIN) {
      complain(parser, token, { message: `more than ${MAX_CHAIN} operators in one expression` });
      return left;
    }
    take(parser);
    const right = parseBinary(parser, operator.level + 1);
    left = { kind: "binary", operator: operator.sign, left, right, start: left.start, end: right.end };
  }
  return left;
}

function parseUnary(parser: Parser): Expression {
  const token = peek(parser);
  if (token.type !== "-" && token.type !== "!") return parseSteps(parser, parsePrimary(parser));
  const operator = token.type;
  take(parser);
  return nested<Expression>(
    parser,
    () => {
      const operand = parseUnary(parser);
      return { kind: "unary", operator, operand, start: token.start, end: operand.end };
    },
    bad,
  );
}

function parsePrimary(parser: Parser): Expression {
  const token = peek(parser);
  switch (token.type) {
    case "number":
      take(parser);
      return { kind: "literal", value: Number(textOf(parser, token)), start: token.start, end: token.end };
    case "identifier":
      return parseNamed(parser, take(parser));
    case "quote-open":
      return parseQuoted(parser);
    case "heredoc-open":
      return parseHeredoc(parser);
    case "(":
      return parseParentheses(parser, take(parser));
    case "[":
      return parseTuple(parser, take(parser));
    case "{":
      return parseObject(parser, take(parser));
    default:
      unexpected(parser, { what: "a value" });
      return bad(token);
  }
}

function parseNamed(parser: Parser, token: Token): Expression {
  const name = textOf(parser, token);
  const { start, end } = token;
  if (parser.tokens[parser.index]?.type === "(") return parseCall(parser, token);
  if (name === "true" || name === "false") return { kind: "literal", value: name === "true", start, end };
  if (name === "null") return { kind: "literal", value: null, start, end };
  return { kind: "variable", name, start, end };
}

function parseParentheses(parser: Parser, opening: Token): Expression {
  return withNewlines<Expression>(parser, false, () => {
    const inner = parser.parseExpression(parser);
    expect(parser, ")", { what: '")" to close the "("' });
    return { kind: "parentheses", inner, start: opening.start, end: endOfLast(parser) };
  });
}
