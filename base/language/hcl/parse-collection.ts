import type { Call, Expression, ForObject, ForTuple, ObjectConstructor, ObjectItem, Tuple } from "./ast.ts";
import {
  accept,
  complain,
  endOfLast,
  expect,
  peek,
  peekSecond,
  take,
  textOf,
  unexpected,
  withNewlines,
  type Parser,
} from "./parser.ts";
import type { Token } from "./token.ts";

/** `[a, b]` or `[for x in list : value if condition]`; the `[` has been taken. */
export function parseTuple(parser: Parser, opening: Token): Tuple | ForTuple {
  return withNewlines<Tuple | ForTuple>(parser, false, () => {
    if (startsFor(parser)) return parseForTuple(parser, opening);
    const items: Expression[] = [];
    while (!parser.recovering && accept(parser, "]") === undefined) {
      items.push(parser.parseExpression(parser));
      if (parser.recovering || accept(parser, ",") !== undefined) continue;
      expect(parser, "]", { what: '"," or "]"', hint: 'elements of a list are separated by ","' });
      break;
    }
    return { kind: "tuple", items, start: opening.start, end: endOfLast(parser) };
  });
}

/** `{ key = value }`, items separated by `,` or line ends, or a for expression; the `{` has been taken. */
export function parseObject(parser: Parser, opening: Token): ObjectConstructor | ForObject {
  if (withNewlines(parser, false, () => startsFor(parser))) {
    return withNewlines(parser, false, () => parseForObject(parser, opening));
  }
  return withNewlines<ObjectConstructor>(parser, true, () => {
    const items: ObjectItem[] = [];
    while (!parser.recovering) {
      while (accept(parser, "newline") !== undefined);
      if (accept(parser, "}") !== undefined) break;
      const item = parseObjectItem(parser);
      if (item !== undefined) items.push(item);
      if (parser.recovering || accept(parser, ",") !== undefined || accept(parser, "newline") !== undefined) continue;
      expect(parser, "}", { what: '",", the end of the line or "}"' });
      break;
    }
    return { kind: "object", items, start: opening.start, end: endOfLast(parser) };
  });
}

function parseObjectItem(parser: Parser): ObjectItem | undefined {
  const key = parseKey(parser);
  if (parser.recovering) return undefined;
  if (accept(parser, "=") === undefined && accept(parser, ":") === undefined) {
    const block = peek(parser).type === "{" ? "this is an object, not a block: write name = { … }" : undefined;
    unexpected(parser, { what: '"=" or ":" after the key', ...(block === undefined ? {} : { hint: block }) });
    return undefined;
  }
  const value = parser.parseExpression(parser);
  return { key, value, start: key.start, end: value.end };
}

/** A bare word before `=` or `:` is text; `(name)` is an expression. */
function parseKey(parser: Parser): Expression {
  const token = peek(parser);
  const next = peekSecond(parser).type;
  if (token.type !== "identifier" || (next !== "=" && next !== ":")) return parser.parseExpression(parser);
  take(parser);
  return { kind: "literal", value: textOf(parser, token), start: token.start, end: token.end };
}

function startsFor(parser: Parser): boolean {
  const token = peek(parser);
  return token.type === "identifier" && textOf(parser, token) === "for" && peekSecond(parser).type === "identifier";
}

export interface ForHead {
  readonly keyName: string | undefined;
  readonly valueName: string;
  readonly collection: Expression;
}

/** `for name in collection` or `for key, value in collection`. */
export function parseForHead(parser: Parser): ForHead {
  take(parser);
  const first = name(parser);
  const second = accept(parser, ",") === undefined ? undefined : name(parser);
  const word = peek(parser);
  if (word.type === "identifier" && textOf(parser, word) === "in") take(parser);
  else
    unexpected(parser, {
      what: '"in" and a collection',
      hint: "written: for value in list, or: for key, value in map",
    });
  const collection = parser.recovering ? nothing(parser) : parser.parseExpression(parser);
  return second === undefined
    ? { keyName: undefined, valueName: first, collection }
    : { keyName: first, valueName: second, collection };
}

function name(parser: Parser): string {
  const token = parser.recovering ? undefined : expect(parser, "identifier", { what: "a name" });
  return token === undefined ? "" : textOf(parser, token);
}

function nothing(parser: Parser): Expression {
  const { start } = peek(parser);
  return { kind: "bad", start, end: start };
}

function parseForTuple(parser: Parser, opening: Token): ForTuple {
  const head = forHeadAndColon(parser);
  const value = parser.recovering ? nothing(parser) : parser.parseExpression(parser);
  if (!parser.recovering && peek(parser).type === "=>") {
    complain(parser, peek(parser), { message: '"=>" builds an object', hint: "write { for … } with braces" });
  }
  const condition = parseIf(parser);
  if (!parser.recovering) expect(parser, "]", { what: '"if" or "]"' });
  return { kind: "for-tuple", ...head, value, condition, start: opening.start, end: endOfLast(parser) };
}

function parseForObject(parser: Parser, opening: Token): ForObject {
  const head = forHeadAndColon(parser);
  const key = parser.recovering ? nothing(parser) : parser.parseExpression(parser);
  if (!parser.recovering) expect(parser, "=>", { what: '"=>" between key and value' });
  const value = parser.recovering ? nothing(parser) : parser.parseExpression(parser);
  const grouped = !parser.recovering && accept(parser, "...") !== undefined;
  const condition = parseIf(parser);
  if (!parser.recovering) expect(parser, "}", { what: '"if" or "}"' });
  return { kind: "for-object", ...head, key, value, grouped, condition, start: opening.start, end: endOfLast(parser) };
}

function forHeadAndColon(parser: Parser): ForHead {
  const head = parseForHead(parser);
  if (!parser.recovering) expect(parser, ":", { what: '":" after the collection' });
  return head;
}

function parseIf(parser: Parser): Expression | undefined {
  const word = peek(parser);
  if (parser.recovering || word.type !== "identifier" || textOf(parser, word) !== "if") return undefined;
  take(parser);
  return parser.parseExpression(parser);
}

/** `name(a, b...)`; the name has been taken. */
export function parseCall(parser: Parser, callee: Token): Call {
  take(parser);
  return withNewlines<Call>(parser, false, () => {
    const list: Expression[] = [];
    let expandLast = false;
    while (!parser.recovering && accept(parser, ")") === undefined) {
      list.push(parser.parseExpression(parser));
      if (parser.recovering) break;
      expandLast = accept(parser, "...") !== undefined;
      if (!expandLast && accept(parser, ",") !== undefined) continue;
      expect(parser, ")", { what: expandLast ? '")" after "..."' : '"," or ")"' });
      break;
    }
    const nameSpan = { start: callee.start, end: callee.end };
    const end = endOfLast(parser);
    return {
      kind: "call",
      name: textOf(parser, callee),
      nameSpan,
      arguments: list,
      expandLast,
      start: callee.start,
      end,
    };
  });
}
