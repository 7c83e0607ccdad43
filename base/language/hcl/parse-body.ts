import type { Attribute, Block, Body, BodyItem, Label } from "./ast.ts";
import { synchronize } from "./recover.ts";
import {
  accept,
  complain,
  describe,
  endOfLast,
  nested,
  peek,
  peekSecond,
  take,
  textOf,
  unexpected,
  type Parser,
} from "./parser.ts";
import type { Span } from "./source.ts";
import type { Token } from "./token.ts";

/** A whole file. */
export function parseBody(parser: Parser): Body {
  const items: BodyItem[] = [];
  for (;;) {
    parseItems(parser, items);
    const token = peek(parser);
    if (token.type === "end-of-file") return { kind: "body", items, start: 0, end: token.end };
    complain(parser, token, {
      message: 'this "}" closes nothing',
      hint: "remove it, or look for a { that is missing above",
    });
    take(parser);
    parser.recovering = false;
  }
}

/** Reads items until a `}` or the end of the file. */
function parseItems(parser: Parser, items: BodyItem[]): void {
  for (;;) {
    const token = peek(parser);
    if (token.type === "end-of-file" || token.type === "}") return;
    if (token.type === "newline") {
      take(parser);
      continue;
    }
    const start = parser.index;
    const item = parseItem(parser);
    if (item !== undefined) items.push(item);
    if (!parser.recovering) endOfItem(parser);
    if (parser.recovering) synchronize(parser, start);
  }
}

function endOfItem(parser: Parser): void {
  const token = peek(parser);
  if (token.type === "newline" || token.type === "end-of-file" || token.type === "}") return;
  const hint =
    token.type === "," ? 'attributes of a block end with the line, without ","' : "put it on a line of its own";
  unexpected(parser, { what: "the end of the line", hint });
}

function parseItem(parser: Parser): BodyItem | undefined {
  const first = peek(parser);
  if (first.type === "quote-open") return parseQuotedAttribute(parser);
  if (first.type !== "identifier") {
    unexpected(parser, { what: "an attribute or a block" });
    return undefined;
  }
  take(parser);
  const next = peek(parser);
  if (next.type === "=") return parseAttribute(parser, nameOf(parser, first));
  if (next.type === "{" || next.type === "quote-open" || next.type === "identifier") return parseBlock(parser, first);
  if (next.type === "." && peekSecond(parser).type === "identifier") return parseDottedAttribute(parser, first);
  const hint = next.type === ":" ? 'attributes are written with "=", not ":"' : undefined;
  unexpected(parser, {
    what: `"=" (an attribute), a label or "{" (a block) after ${describe(parser, first)}`,
    ...(hint === undefined ? {} : { hint }),
  });
  return undefined;
}

interface Name extends Span {
  readonly value: string;
}

function nameOf(parser: Parser, token: Span): Name {
  return { value: textOf(parser, token), start: token.start, end: token.end };
}

/** `"key" = value`: the language's first version had it, and files of jobs and agents still use it. */
function parseQuotedAttribute(parser: Parser): Attribute | undefined {
  const name = parseLabel(parser);
  if (name === undefined) return undefined;
  if (peek(parser).type === "=") return parseAttribute(parser, name);
  unexpected(parser, { what: '"=" after the name in quotes', hint: "the type of a block is written without quotes" });
  return undefined;
}

/** `driver.denylist = value`, likewise. */
function parseDottedAttribute(parser: Parser, first: Token): Attribute | undefined {
  while (accept(parser, ".") !== undefined) {
    if (accept(parser, "identifier") !== undefined) continue;
    unexpected(parser, { what: 'a name after "."' });
    return undefined;
  }
  const name = nameOf(parser, { start: first.start, end: endOfLast(parser) });
  if (peek(parser).type === "=") return parseAttribute(parser, name);
  unexpected(parser, { what: `"=" after ${JSON.stringify(name.value)}` });
  return undefined;
}

function parseAttribute(parser: Parser, name: Name): Attribute {
  take(parser);
  if (peek(parser).type === "newline") {
    unexpected(parser, {
      what: `a value for ${JSON.stringify(name.value)}`,
      hint: "the value starts on the same line as its =",
    });
  }
  const value = parser.parseExpression(parser);
  return {
    kind: "attribute",
    name: name.value,
    nameSpan: { start: name.start, end: name.end },
    value,
    start: name.start,
    end: endOfLast(parser),
  };
}

function parseBlock(parser: Parser, type: Token): Block | undefined {
  const labels: Label[] = [];
  for (;;) {
    const token = peek(parser);
    if (token.type === "{") break;
    const label = parseLabel(parser);
    if (label === undefined) return undefined;
    labels.push(label);
  }
  const opening = take(parser);
  const items: BodyItem[] = [];
  const typeName = textOf(parser, type);
  nested(
    parser,
    () => (peek(parser).type === "newline" ? parseItems(parser, items) : parseOneLine(parser, items)),
    () => undefined,
  );
  if (!parser.recovering || peek(parser).type === "end-of-file") closeBlock(parser, { type, opening });
  const body: Body = { kind: "body", items, start: opening.start, end: endOfLast(parser) };
  const typeSpan = { start: type.start, end: type.end };
  return { kind: "block", type: typeName, typeSpan, labels, body, start: type.start, end: body.end };
}

function closeBlock(parser: Parser, block: { readonly type: Token; readonly opening: Token }): void {
  const closing = accept(parser, "}");
  if (closing !== undefined) return suspectIndentation(parser, block, closing);
  if (peek(parser).type !== "end-of-file") return unexpected(parser, { what: '"}"' });
  const unclosed = parser.complaints.some((each) => each.code === "hcl_unclosed");
  if (unclosed || parser.recovering) return;
  const span = parser.suspect ?? { start: block.type.start, end: block.opening.end };
  const name = JSON.stringify(/^[^\s"{]+/.exec(textOf(parser, span))?.[0] ?? "");
  const message = `the block ${name} is never closed`;
  parser.complaints.push({
    code: "hcl_unclosed",
    span,
    message,
    hint: 'a "}" is missing, here or in a block inside it',
  });
  parser.recovering = true;
}

function suspectIndentation(
  parser: Parser,
  block: { readonly type: Token; readonly opening: Token },
  closing: Token,
): void {
  if (parser.suspect !== undefined) return;
  const [begins, ends] = [indentation(parser, block.type), indentation(parser, closing)];
  if (begins === undefined || ends === undefined || ends >= begins) return;
  parser.suspect = { start: block.type.start, end: block.opening.end };
}

/** Of a token that is the first on its line. */
function indentation(parser: Parser, token: Token): number | undefined {
  const lineStart = parser.text.lastIndexOf("\n", token.start - 1) + 1;
  const before = parser.text.slice(lineStart, token.start);
  return token.start - lineStart < MAX_INDENTATION && before.trim() === "" ? before.length : undefined;
}

/** Files whose lines are indented more are not looked at for missing braces. */
const MAX_INDENTATION = 400;

/** `{ }` or `{ name = value }`. */
function parseOneLine(parser: Parser, items: BodyItem[]): void {
  if (peek(parser).type === "}" || peek(parser).type === "end-of-file") return;
  if (peek(parser).type === "identifier" && peekSecond(parser).type !== "=" && peekSecond(parser).type !== ".") {
    return unexpected(parser, { what: "an attribute", hint: "a block inside a block starts on a line of its own" });
  }
  const item = parseItem(parser);
  if (item !== undefined) items.push(item);
  if (peek(parser).type === "}" || parser.recovering) return;
  unexpected(parser, { what: '"}"', hint: "a block on one line holds one attribute; put each on a line of its own" });
}

function parseLabel(parser: Parser): Label | undefined {
  const token = peek(parser);
  if (token.type === "identifier") {
    take(parser);
    return { value: textOf(parser, token), quoted: false, start: token.start, end: token.end };
  }
  if (token.type !== "quote-open") {
    const equals = token.type === "=" ? "an attribute's name is one word; a block has no =" : undefined;
    unexpected(parser, { what: 'a label or "{"', ...(equals === undefined ? {} : { hint: equals }) });
    return undefined;
  }
  const value = parser.parseExpression(parser);
  if (value.kind === "literal" && typeof value.value === "string") {
    return { value: value.value, quoted: true, start: value.start, end: value.end };
  }
  complain(parser, value, { message: "a label must be plain text, without ${ } or operators" });
  return undefined;
}
