import type { Body, Expression } from "./ast.ts";
import { locate, type Complaint, type Diagnostic } from "./diagnostic.ts";
import { lex } from "./lexer.ts";
import { parseBody } from "./parse-body.ts";
import { parseExpression } from "./parse-expression.ts";
import { MAX_COMPLAINTS, peek, unexpected, type Parser } from "./parser.ts";
import type { SourceText } from "./source.ts";

/** Longest file that is read: a job is some kilobytes, and one with files in heredocs some hundred. */
export const MAX_SOURCE_LENGTH = 16 * 1024 * 1024;

export interface Parsed<T> {
  /** Usable also when there are diagnostics: what could be read is there. */
  readonly node: T;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a file of HCL's native syntax. Never throws; time is linear in the input. */
export function parseHcl(source: SourceText): Parsed<Body> {
  return parseWith(source, parseBody, { kind: "body", items: [], start: 0, end: 0 });
}

/** Reads one expression, for example the value of a `-var` flag. */
export function parseHclExpression(source: SourceText): Parsed<Expression> {
  return parseWith(source, wholeExpression, { kind: "bad", start: 0, end: 0 });
}

function wholeExpression(parser: Parser): Expression {
  parser.newlines = false;
  const expression = parseExpression(parser);
  if (peek(parser).type !== "end-of-file") unexpected(parser, { what: "the end of the expression" });
  return expression;
}

function parseWith<T>(source: SourceText, read: (parser: Parser) => T, otherwise: T): Parsed<T> {
  if (source.text.length > MAX_SOURCE_LENGTH) {
    const message = `the file has ${source.text.length} characters; at most ${MAX_SOURCE_LENGTH} are read`;
    return {
      node: otherwise,
      diagnostics: [locate({ code: "hcl_too_long", message, span: { start: 0, end: 0 } }, { source })],
    };
  }
  const lexed = lex(source.text);
  const parser: Parser = {
    text: source.text,
    tokens: lexed.tokens,
    complaints: [],
    index: 0,
    newlines: true,
    recovering: false,
    depth: 0,
    suspect: undefined,
    parseExpression,
  };
  const node = read(parser);
  return { node, diagnostics: merge(lexed.complaints, parser.complaints).map((each) => locate(each, { source })) };
}

/** In the order of the file; where the lexer complained about a place, what the parser says of the same place is a consequence. */
function merge(fromLexer: readonly Complaint[], fromParser: readonly Complaint[]): readonly Complaint[] {
  const consequences = (each: Complaint): boolean =>
    fromLexer.some((first) => each.span.start >= first.span.start && each.span.start <= first.span.end);
  const all = [...fromLexer, ...fromParser.filter((each) => !consequences(each))];
  return all.sort((a, b) => a.span.start - b.span.start).slice(0, MAX_COMPLAINTS);
}
