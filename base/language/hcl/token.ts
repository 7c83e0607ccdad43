import type { Span } from "./source.ts";

/** Punctuation is its own type; the others carry their text in the source. */
export type TokenType =
  | "identifier"
  | "number"
  | "newline"
  | "quote-open"
  | "quote-close"
  | "heredoc-open"
  | "heredoc-close"
  /** Literal text of a template, as it stands in the source; in heredocs at most one line each. */
  | "text"
  /** `${` or `${~` */
  | "interpolation"
  /** `%{` or `%{~` */
  | "directive"
  /** The `}` or `~}` that closes either. */
  | "sequence-end"
  | "bad"
  | "end-of-file"
  | Punctuation;

export type Punctuation =
  | "{"
  | "}"
  | "["
  | "]"
  | "("
  | ")"
  | ","
  | ":"
  | "?"
  | "."
  | "..."
  | "="
  | "=>"
  | "=="
  | "!="
  | "!"
  | "<"
  | "<="
  | ">"
  | ">="
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "&&"
  | "||";

export interface Token extends Span {
  readonly type: TokenType;
}

const NAMES: Partial<Record<TokenType, string>> = {
  identifier: "a name",
  number: "a number",
  newline: "the end of the line",
  "quote-open": "a string",
  "quote-close": 'a closing "',
  "heredoc-open": "a heredoc",
  "heredoc-close": "the end of the heredoc",
  text: "text",
  interpolation: '"${"',
  directive: '"%{"',
  "sequence-end": '"}"',
  bad: "an unknown character",
  "end-of-file": "the end of the file",
};

/** How a message names a kind of token. */
export function nameOfToken(type: TokenType): string {
  return NAMES[type] ?? `"${type}"`;
}
