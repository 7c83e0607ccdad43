import type { Span } from "../hcl/source.ts";

export type Token = Span &
  (
    | { readonly kind: "name" | "text"; readonly value: string }
    | { readonly kind: "number"; readonly value: number }
    | { readonly kind: "{" | "}" | "[" | "]" | "=" | "," | "line" | "end" }
  );

/** What stopped the reading, at its place. */
export interface LexFault extends Span {
  readonly message: string;
  readonly hint?: string;
}

const NUMBER = /-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\p{L}\d_.-])/uy;
const NAME = /[\p{L}_][\p{L}\p{Nd}_.-]*/uy;
const HEREDOC = /<<(-?)([\p{L}\d_]+)[ \t]*\r?\n/uy;
const BLANK = /[ \t\r\uFEFF]+/y;
const COMMENT = /(?:#|\/\/)[^\n]*|\/\*[^]*?\*\//y;
const SIGNS = ["{", "}", "[", "]", "=", ","] as const;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b", f: "\f", v: "\v" };

/** Splits a text into tokens; ends at the first fault. */
export function lexHcl1(text: string): { readonly tokens: readonly Token[]; readonly fault?: LexFault } {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const skipped = match(BLANK, text, at) ?? match(COMMENT, text, at);
    if (skipped !== undefined) {
      at += skipped[0].length;
      continue;
    }
    const token = tokenAt(text, at);
    if ("message" in token) return { tokens, fault: token };
    tokens.push(token);
    at = token.end;
  }
  tokens.push({ kind: "end", start: text.length, end: text.length });
  return { tokens };
}

function tokenAt(text: string, at: number): Token | LexFault {
  if (text[at] === "\n") return { kind: "line", start: at, end: at + 1 };
  const sign = SIGNS.find((each) => each === text[at]);
  if (sign !== undefined) return { kind: sign, start: at, end: at + 1 };
  if (text[at] === '"') return quotedAt(text, at);
  const heredoc = match(HEREDOC, text, at);
  if (heredoc !== undefined) return heredocAt(text, at, heredoc);
  const number = match(NUMBER, text, at)?.[0];
  if (number !== undefined) return { kind: "number", value: numberOf(number), start: at, end: at + number.length };
  const name = match(NAME, text, at)?.[0];
  if (name !== undefined) return { kind: "name", value: name, start: at, end: at + name.length };
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
  return { message: `unexpected ${JSON.stringify(character)}`, start: at, end: at + character.length };
}

/** A leading zero makes it octal, as in `perms = 0600`. */
function numberOf(text: string): number {
  const digits = text.replace(/^-/, "");
  const size = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return text.startsWith("-") ? -size : size;
}

function quotedAt(text: string, start: number): Token | LexFault {
  let value = "";
  let at = start + 1;
  while (at < text.length && text[at] !== "\n") {
    if (text[at] === '"') return { kind: "text", value, start, end: at + 1 };
    if (text.startsWith("${", at)) {
      const end = interpolationEnd(text, at);
      if (end === undefined) break;
      value += text.slice(at, end);
      at = end;
    } else if (text[at] === "\\") {
      const escape = escapeAt(text, at);
      if (escape === undefined)
        return { message: `the escape ${text.slice(at, at + 2)} does not exist`, start: at, end: at + 2 };
      value += escape.value;
      at = escape.end;
    } else {
      value += text[at];
      at++;
    }
  }
  return { message: "this string does not end in its line", hint: 'close it with "', start, end: at };
}

/** What stands between `${` and its `}` is kept as it is, quotes included. */
function interpolationEnd(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length && text[at] !== "\n"; at++) {
    if (text[at] === "{") depth++;
    if (text[at] !== "}") continue;
    depth--;
    if (depth === 0) return at + 1;
  }
  return undefined;
}

function escapeAt(text: string, at: number): { readonly value: string; readonly end: number } | undefined {
  const coded = /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-7]{3}))/y;
  const found = match(coded, text, at);
  if (found !== undefined) {
    const [all, ...digits] = found;
    const code = Number.parseInt(digits.find((each) => each !== undefined) ?? "", digits[3] === undefined ? 16 : 8);
    return code > 0x10ffff ? undefined : { value: String.fromCodePoint(code), end: at + all.length };
  }
  const letter = text[at + 1] ?? "";
  const value = letter === '"' || letter === "\\" ? letter : ESCAPES[letter];
  return value === undefined ? undefined : { value, end: at + 2 };
}

function heredocAt(text: string, start: number, [opening, dash = "", mark = ""]: RegExpExecArray): Token | LexFault {
  const from = start + opening.length;
  const lines: string[] = [];
  for (let at = from; at < text.length;) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(at, end);
    if (line.trim() === mark) {
      const value = dash === "" ? lines.join("") : withoutIndent(lines, /^[ \t]*/.exec(line)?.[0] ?? "");
      return { kind: "text", value, start, end };
    }
    lines.push(`${line}\n`);
    at = end + 1;
  }
  return { message: `this text does not end`, hint: `close it with a line that holds ${mark} alone`, start, end: from };
}

/** The indent of the closing mark is taken off every line, when every line has it. */
function withoutIndent(lines: readonly string[], indent: string): string {
  const all = lines.every((line) => line.startsWith(indent) || line.trim() === "");
  return lines.map((line) => (all && line.startsWith(indent) ? line.slice(indent.length) : line)).join("");
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
