import { complain, type Parser } from "./parser.ts";
import type { Span } from "./source.ts";

const SIMPLE: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };
const QUOTED = /\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^]|$)|\$\$\{|%%\{/gu;
const HEREDOC = /([$%])\1\{/gu;

/** The text a quoted string's characters stand for. Complains about escapes that do not exist. */
export function unescapeQuoted(parser: Parser, span: Span): string {
  const raw = parser.text.slice(span.start, span.end);
  if (!/[\\$%]/.test(raw)) return raw;
  return raw.replace(QUOTED, (all: string, escape: string | undefined, at: number) => {
    if (escape === undefined) return all.slice(1);
    const value = escapedCharacter(escape);
    if (value !== undefined) return value;
    const start = span.start + at;
    const hint = 'known are \\n \\r \\t \\" \\\\ \\uNNNN \\UNNNNNNNN; for a backslash itself write \\\\';
    complain(parser, { start, end: start + all.length }, { message: `the escape ${all} does not exist`, hint });
    return all;
  });
}

/** In heredocs only `$${` and `%%{` are escapes. */
export function unescapeHeredoc(raw: string): string {
  return raw.replace(HEREDOC, "$1{");
}

function escapedCharacter(escape: string): string | undefined {
  if (escape.length <= 1) return SIMPLE[escape];
  const code = Number.parseInt(escape.slice(1), 16);
  const letter = escape[0];
  if (letter !== "u" && letter !== "U") return undefined;
  return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : undefined;
}
