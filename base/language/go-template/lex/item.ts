import { quote } from "../format/quote.ts";
import { byteLength } from "../text.ts";

const keywords = [
  ".",
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "range",
  "nil",
  "template",
  "with",
] as const;

export type Keyword = (typeof keywords)[number];

export type ItemKind =
  | Keyword
  | "error"
  | "eof"
  | "text"
  | "left delim"
  | "right delim"
  | "space"
  | "|"
  | "="
  | ":="
  | "char"
  | "character"
  | "complex"
  | "number"
  | "bool"
  | "field"
  | "identifier"
  | "variable"
  | "string"
  | "("
  | ")";

export interface Item {
  readonly kind: ItemKind;
  /** As written; of an error, its message. */
  readonly value: string;
  /** Offset in the template, in UTF-16 units. */
  readonly position: number;
  /** From 1. */
  readonly line: number;
}

const kinds: ReadonlyMap<string, Keyword> = new Map(keywords.map((word) => [word, word]));

export function keywordOf(word: string): Keyword | undefined {
  return kinds.get(word);
}

/** As error messages show an item. */
export function showItem(item: Item): string {
  if (item.kind === "eof") return "EOF";
  if (item.kind === "error") return item.value;
  if (kinds.has(item.kind)) return `<${item.value}>`;
  if (byteLength(item.value) > 10) return `${quote(Array.from(item.value).slice(0, 10).join(""))}...`;
  return quote(item.value);
}
