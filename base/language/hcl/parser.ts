import type { Expression } from "./ast.ts";
import type { Complaint } from "./diagnostic.ts";
import type { Span } from "./source.ts";
import { nameOfToken, type Token, type TokenType } from "./token.ts";

/** Expressions, bodies and templates nested deeper than this are refused (it bounds the stack of every later walk too). */
export const MAX_DEPTH = 200;
/** Operators or steps in one unbroken chain (`a + b + …`, `a.b.c…`). */
export const MAX_CHAIN = 500;
/** After this many complaints the rest of a file is not worth reading. */
export const MAX_COMPLAINTS = 50;

/** A place in the token stream and what was found wrong so far. */
export interface Parser {
  readonly text: string;
  readonly tokens: readonly Token[];
  readonly complaints: Complaint[];
  index: number;
  /** Whether line ends count: they do in bodies and objects, not inside `( )`, `[ ]` and `${ }`. */
  newlines: boolean;
  /** Set by a complaint, cleared where reading starts afresh: complaints in between are consequences. */
  recovering: boolean;
  depth: number;
  /** The first block whose closing brace is indented less than its beginning: probably its own brace is missing. */
  suspect: Span | undefined;
  /** The grammar's central recursion, handed in so that its parts can live in files of their own. */
  readonly parseExpression: (parser: Parser) => Expression;
}

export function peek(parser: Parser): Token {
  if (!parser.newlines) while (tokenAt(parser, 0).type === "newline") parser.index++;
  return tokenAt(parser, 0);
}

/** The token after the next one. */
export function peekSecond(parser: Parser): Token {
  peek(parser);
  let ahead = 1;
  if (!parser.newlines) while (tokenAt(parser, ahead).type === "newline") ahead++;
  return tokenAt(parser, ahead);
}

export function take(parser: Parser): Token {
  const token = peek(parser);
  if (token.type !== "end-of-file") parser.index++;
  return token;
}

export function accept(parser: Parser, type: TokenType): Token | undefined {
  return peek(parser).type === type ? take(parser) : undefined;
}

export interface Expectation {
  readonly what: string;
  readonly hint?: string;
}

/** Takes a token of this type; otherwise complains that it is missing. */
export function expect(parser: Parser, type: TokenType, expectation: Expectation): Token | undefined {
  const token = accept(parser, type);
  if (token === undefined) unexpected(parser, expectation);
  return token;
}

/** Complains about the next token. */
export function unexpected(parser: Parser, expectation: Expectation): void {
  const token = peek(parser);
  // A bad character has had its message when it was read.
  if (token.type === "bad") {
    parser.recovering = true;
    return;
  }
  const message = `expected ${expectation.what}, found ${describe(parser, token)}`;
  complain(parser, token, expectation.hint === undefined ? { message } : { message, hint: expectation.hint });
}

export function complain(parser: Parser, span: Span, what: { readonly message: string; readonly hint?: string }): void {
  if (parser.recovering) return;
  parser.recovering = true;
  if (parser.complaints.length < MAX_COMPLAINTS) parser.complaints.push({ code: "hcl_syntax", span, ...what });
}

export function textOf(parser: Parser, span: Span): string {
  return parser.text.slice(span.start, span.end);
}

export function describe(parser: Parser, token: Token): string {
  if (token.type === "identifier" || token.type === "number") return JSON.stringify(textOf(parser, token));
  return nameOfToken(token.type);
}

/** Where the last taken token ended. */
export function endOfLast(parser: Parser): number {
  return parser.tokens[parser.index - 1]?.end ?? 0;
}

/** Reads between brackets, where line ends do not count; `read` must also take the closing token. */
export function withNewlines<T>(parser: Parser, newlines: boolean, read: () => T): T {
  const before = parser.newlines;
  parser.newlines = newlines;
  const result = read();
  parser.newlines = before;
  return result;
}

/** Runs `read` one level deeper, or complains when that is too deep. */
export function nested<T>(parser: Parser, read: () => T, otherwise: (span: Span) => T): T {
  if (parser.depth >= MAX_DEPTH) {
    const span = peek(parser);
    complain(parser, span, { message: `nested more than ${MAX_DEPTH} levels deep` });
    return otherwise(span);
  }
  parser.depth++;
  const result = read();
  parser.depth--;
  return result;
}

function tokenAt(parser: Parser, ahead: number): Token {
  const { tokens } = parser;
  return tokens[Math.min(parser.index + ahead, tokens.length - 1)] ?? { type: "end-of-file", start: 0, end: 0 };
}
