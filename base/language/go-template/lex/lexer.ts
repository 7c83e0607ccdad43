import { isPrint, quote } from "../format/quote.ts";
import { keywordOf, type Item, type ItemKind } from "./item.ts";

export interface LexOptions {
  readonly text: string;
  readonly leftDelim: string;
  readonly rightDelim: string;
  /** Words that are functions here and therefore no keywords (`break`, `continue`). */
  readonly notKeywords: ReadonlySet<string>;
}

const spaces = /[ \t\r\n]*/y;
const word = /[\p{L}\p{Nd}_]*/uy;
const number =
  /[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?/y;
const quoted = {
  '"': /"(?:[^"\\\n]|\\[^\n])*"/y,
  "'": /'(?:[^'\\\n]|\\[^\n])*'/y,
  "`": /`[^`]*`/y,
};

/** Cuts a template into items, one at a time; after an error or the end, that item again and again. */
export class Lexer {
  readonly #options: LexOptions;
  readonly #text: string;
  #position = 0;
  #start = 0;
  #line = 1;
  #insideAction = false;
  #parens = 0;
  #last: Item | undefined;

  constructor(options: LexOptions) {
    this.#options = options;
    this.#text = options.text;
  }

  next(): Item {
    if (this.#last !== undefined) return this.#last;
    const item = this.#insideAction ? this.#action() : this.#outside();
    if (item.kind === "error" || item.kind === "eof") this.#last = item;
    return item;
  }

  #emit(kind: ItemKind): Item {
    const value = this.#text.slice(this.#start, this.#position);
    const item = { kind, value, position: this.#start, line: this.#line };
    this.#skip();
    return item;
  }

  /** Drops what was read since the last item. */
  #skip(): void {
    for (let at = this.#text.indexOf("\n", this.#start); at >= 0 && at < this.#position;) {
      this.#line++;
      at = this.#text.indexOf("\n", at + 1);
    }
    this.#start = this.#position;
  }

  #fail(message: string): Item {
    return { kind: "error", value: message, position: this.#start, line: this.#line };
  }

  /** Text up to the next action; comments are passed over. */
  #outside(): Item {
    const { leftDelim } = this.#options;
    for (;;) {
      const found = this.#text.indexOf(leftDelim, this.#position);
      if (found < 0) {
        this.#position = this.#text.length;
        return this.#position > this.#start ? this.#emit("text") : this.#emit("eof");
      }
      if (found > this.#start) {
        const item = this.#textBefore(found);
        if (item.value !== "") return item;
      }
      const comment = this.#leftDelim();
      if (comment !== undefined) return comment;
    }
  }

  #textBefore(found: number): Item {
    const trims = this.#trimsLeft(found + this.#options.leftDelim.length);
    this.#position = found;
    if (trims) while (this.#position > this.#start && isSpace(this.#text[this.#position - 1])) this.#position--;
    const item = this.#emit("text");
    this.#position = found;
    this.#skip();
    return item;
  }

  /** `undefined`: it was a comment, now behind. */
  #leftDelim(): Item | undefined {
    this.#position += this.#options.leftDelim.length;
    const marker = this.#trimsLeft(this.#position) ? 2 : 0;
    if (this.#text.startsWith("/*", this.#position + marker)) {
      this.#position += marker;
      this.#skip();
      return this.#comment();
    }
    const item = this.#emit("left delim");
    this.#insideAction = true;
    this.#parens = 0;
    this.#position += marker;
    this.#skip();
    return item;
  }

  #comment(): Item | undefined {
    const end = this.#text.indexOf("*/", this.#position + 2);
    if (end < 0) return this.#fail("unclosed comment");
    this.#position = end + 2;
    const delim = this.#rightDelimAt(this.#position);
    if (delim === undefined) return this.#fail("comment ends before closing delimiter");
    this.#position += delim.length;
    if (delim.trims) this.#position = matchEnd(spaces, this.#text, this.#position);
    this.#skip();
    return undefined;
  }

  #trimsLeft(at: number): boolean {
    return this.#text[at] === "-" && isSpace(this.#text[at + 1]);
  }

  #rightDelimAt(at: number): { readonly length: number; readonly trims: boolean } | undefined {
    const { rightDelim } = this.#options;
    const trims = isSpace(this.#text[at]) && this.#text[at + 1] === "-";
    if (trims && this.#text.startsWith(rightDelim, at + 2)) return { length: rightDelim.length + 2, trims };
    return this.#text.startsWith(rightDelim, at) ? { length: rightDelim.length, trims: false } : undefined;
  }

  #rightDelim(delim: { readonly trims: boolean }): Item {
    if (delim.trims) {
      this.#position += 2;
      this.#skip();
    }
    this.#position += this.#options.rightDelim.length;
    const item = this.#emit("right delim");
    if (delim.trims) {
      this.#position = matchEnd(spaces, this.#text, this.#position);
      this.#skip();
    }
    this.#insideAction = false;
    return item;
  }

  #action(): Item {
    const delim = this.#rightDelimAt(this.#position);
    if (delim !== undefined) return this.#parens === 0 ? this.#rightDelim(delim) : this.#fail("unclosed left paren");
    const code = this.#text.codePointAt(this.#position);
    if (code === undefined) return this.#fail("unclosed action");
    const character = String.fromCodePoint(code);
    switch (character) {
      case " ":
      case "\t":
      case "\r":
      case "\n":
        return this.#space();
      case '"':
      case "'":
      case "`":
        return this.#quoted(character);
      case "$":
        this.#position++;
        return this.#name("variable");
      case ".":
        if (this.#position + 1 >= this.#text.length || isDigit(this.#text[this.#position + 1])) return this.#number();
        this.#position++;
        return this.#name("field");
      case "(":
        this.#parens++;
        break;
      case ")":
        this.#parens--;
        if (this.#parens < 0) return this.#fail("unexpected right paren");
        break;
      case ":":
        if (this.#text[this.#position + 1] !== "=") return this.#fail("expected :=");
        this.#position += 2;
        return this.#emit(":=");
      default:
        if (character === "+" || character === "-" || isDigit(character)) return this.#number();
        if (matchEnd(word, this.#text, this.#position) > this.#position) return this.#identifier();
    }
    return this.#single(character);
  }

  #single(character: string): Item {
    if (character > "~" || character < " ") {
      return this.#fail(`unrecognized character in action: ${showCharacter(character)}`);
    }
    this.#position++;
    if (character === "|" || character === "=" || character === "(" || character === ")") return this.#emit(character);
    return this.#emit("char");
  }

  /** A run of spaces; its last one belongs to a right delimiter with a trim marker. */
  #space(): Item {
    this.#position = matchEnd(spaces, this.#text, this.#position);
    if (this.#rightDelimAt(this.#position - 1)?.trims === true) this.#position--;
    return this.#emit("space");
  }

  #quoted(kind: '"' | "'" | "`"): Item {
    const end = matchEnd(quoted[kind], this.#text, this.#position);
    if (end > this.#position) {
      this.#position = end;
      return this.#emit(kind === "'" ? "character" : "string");
    }
    if (kind === "'") return this.#fail("unterminated character constant");
    return this.#fail(kind === '"' ? "unterminated quoted string" : "unterminated raw quoted string");
  }

  /** What follows a `.` or `$`. */
  #name(kind: "field" | "variable"): Item {
    if (this.#atTerminator()) return this.#emit(kind === "variable" ? kind : ".");
    this.#position = matchEnd(word, this.#text, this.#position);
    return this.#atTerminator() ? this.#emit(kind) : this.#badCharacter();
  }

  #identifier(): Item {
    this.#position = matchEnd(word, this.#text, this.#position);
    if (!this.#atTerminator()) return this.#badCharacter();
    const name = this.#text.slice(this.#start, this.#position);
    if (name === "true" || name === "false") return this.#emit("bool");
    const keyword = this.#options.notKeywords.has(name) ? undefined : keywordOf(name);
    return this.#emit(keyword ?? "identifier");
  }

  #badCharacter(): Item {
    const code = this.#text.codePointAt(this.#position) ?? 0;
    return this.#fail(`bad character ${showCharacter(String.fromCodePoint(code))}`);
  }

  #atTerminator(): boolean {
    const next = this.#text[this.#position];
    if (next === undefined || " \t\r\n.,|:)(".includes(next)) return true;
    return this.#text.startsWith(this.#options.rightDelim, this.#position);
  }

  #number(): Item {
    if (!this.#scanNumber()) return this.#badNumber();
    const sign = this.#text[this.#position];
    if (sign !== "+" && sign !== "-") return this.#emit("number");
    if (!this.#scanNumber() || this.#text[this.#position - 1] !== "i") return this.#badNumber();
    return this.#emit("complex");
  }

  #scanNumber(): boolean {
    this.#position = matchEnd(number, this.#text, this.#position);
    const code = this.#text.codePointAt(this.#position);
    if (code === undefined || matchEnd(word, this.#text, this.#position) === this.#position) return true;
    this.#position += String.fromCodePoint(code).length;
    return false;
  }

  #badNumber(): Item {
    return this.#fail(`bad number syntax: ${quote(this.#text.slice(this.#start, this.#position))}`);
  }
}

function isSpace(character: string | undefined): boolean {
  return character === " " || character === "\t" || character === "\r" || character === "\n";
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= "0" && character <= "9";
}

/** Where a sticky pattern's match at a place ends; the place itself when it does not match. */
function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** As Go's `%#U`. */
function showCharacter(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return isPrint(character) ? `U+${code} '${character}'` : `U+${code}`;
}
