import { isNameContinue, isNameStart, lengthAt } from "./characters.ts";
import type { Complaint } from "./diagnostic.ts";
import { lexHeredoc, lexQuoted, openHeredoc } from "./lex-template.ts";
import { closeSequence, complain, emit, type LexState } from "./lex-state.ts";
import type { Span } from "./source.ts";
import type { Punctuation, Token } from "./token.ts";

export interface Lexed {
  /** Ends with exactly one end-of-file token. */
  readonly tokens: readonly Token[];
  readonly comments: readonly Span[];
  readonly complaints: readonly Complaint[];
}

/** Cuts a source into tokens. Total: whatever the input, every character is consumed once. */
export function lex(text: string): Lexed {
  const state: LexState = {
    text,
    at: text.startsWith("\uFEFF") ? 1 : 0,
    tokens: [],
    comments: [],
    complaints: [],
    modes: [{ kind: "expression", braces: 0, inTemplate: false }],
  };
  while (state.at < text.length) step(state);
  while (state.modes.length > 1) step(state);
  emit(state, "end-of-file", text.length);
  return state;
}

function step(state: LexState): void {
  const mode = state.modes.at(-1);
  if (mode === undefined) return;
  if (mode.kind === "quoted") lexQuoted(state, mode);
  else if (mode.kind === "heredoc") lexHeredoc(state, mode);
  else if (state.at >= state.text.length) closeSequence(state);
  else lexExpression(state);
}

function lexExpression(state: LexState): void {
  const { text, at } = state;
  const code = text.charCodeAt(at);
  if (code === 32 || code === 9 || code === 13) {
    state.at++;
  } else if (code === 10) {
    emit(state, "newline", at + 1);
  } else if (code >= 48 && code <= 57) {
    emit(state, "number", numberEnd(text, at));
  } else if (isNameStart(text, at)) {
    emit(state, "identifier", nameEnd(text, at));
  } else if (code === 34) {
    emit(state, "quote-open", at + 1);
    state.modes.push({ kind: "quoted", start: at });
  } else if (!lexComment(state) && !openHeredoc(state)) {
    lexPunctuation(state);
  }
}

function numberEnd(text: string, start: number): number {
  let at = skipDigits(text, start);
  if (text[at] === "." && isDigit(text, at + 1)) at = skipDigits(text, at + 1);
  const sign = text[at + 1] === "+" || text[at + 1] === "-" ? 1 : 0;
  if ((text[at] === "e" || text[at] === "E") && isDigit(text, at + 1 + sign)) at = skipDigits(text, at + 1 + sign);
  return at;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

function skipDigits(text: string, start: number): number {
  let at = start;
  while (isDigit(text, at)) at++;
  return at;
}

function nameEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && isNameContinue(text, at)) at += lengthAt(text, at);
  return at;
}

function lexComment(state: LexState): boolean {
  const { text, at } = state;
  const two = text.slice(at, at + 2);
  if (two[0] === "#" || two === "//") {
    const newline = text.indexOf("\n", at);
    state.at = newline < 0 ? text.length : newline;
  } else if (two === "/*") {
    const close = text.indexOf("*/", at + 2);
    state.at = close < 0 ? text.length : close + 2;
    if (close < 0)
      complain(state, { start: at, end: at + 2 }, { message: "this comment is never closed", hint: "end it with */" });
  } else {
    return false;
  }
  state.comments.push({ start: at, end: state.at });
  return true;
}

const LONG: readonly Punctuation[] = ["...", "=>", "==", "!=", "<=", ">=", "&&", "||"];
const SHORT: readonly Punctuation[] = [
  "{",
  "}",
  "[",
  "]",
  "(",
  ")",
  ",",
  ":",
  "?",
  ".",
  "=",
  "!",
  "<",
  ">",
  "+",
  "-",
  "*",
  "/",
  "%",
];
const SHORT_BY_CODE = new Map(SHORT.map((sign) => [sign.charCodeAt(0), sign]));

/** What people type out of habit from other languages, and what to write here. */
const FOREIGN: Readonly<Record<string, string>> = {
  "'": 'strings are written with double quotes: "text"',
  "`": "strings are written with double quotes, and long ones as a heredoc: <<EOF",
  ";": "end the line instead",
  "&": 'write "&&" for "and"',
  "|": 'write "||" for "or"',
  "^": "there is no power operator; use pow(a, b)",
  "\u201C": 'this is a typographic quote; write a plain "',
  "\u201D": 'this is a typographic quote; write a plain "',
  "\u00A0": "this is a no-break space (often pasted from a web page); replace it with a plain space",
};

function lexPunctuation(state: LexState): void {
  const { text, at } = state;
  const mode = state.modes.at(-1);
  if (mode?.kind === "expression" && mode.inTemplate && mode.braces === 0) {
    const stripped = text[at] === "~" && text[at + 1] === "}";
    if (stripped || text[at] === "}") return closeSequence(state, stripped ? 2 : 1);
  }
  const sign = LONG.find((candidate) => text.startsWith(candidate, at)) ?? SHORT_BY_CODE.get(text.charCodeAt(at));
  if (sign === undefined) return lexUnknown(state);
  if (mode?.kind === "expression" && sign === "{") mode.braces++;
  if (mode?.kind === "expression" && sign === "}" && mode.braces > 0) mode.braces--;
  emit(state, sign, at + sign.length);
}

function lexUnknown(state: LexState): void {
  const { text, at } = state;
  const end = at + lengthAt(text, at);
  const character = text.slice(at, end);
  const hint = FOREIGN[character];
  const message = `the character ${JSON.stringify(character)} has no meaning here`;
  complain(state, { start: at, end }, hint === undefined ? { message } : { message, hint });
  if (character === "\u00A0") state.at = end;
  else emit(state, "bad", end);
}
