import { analyzeScalar, chooseStyle, isBreak, isPrintable, type ScalarStyle } from "./yaml-analyze.ts";

/** A document to be written: mappings keep the order they are given in. */
export type YamlNode =
  | { readonly kind: "scalar"; readonly text: string; readonly style: ScalarStyle; readonly tag?: string }
  | { readonly kind: "sequence"; readonly items: readonly YamlNode[] }
  | { readonly kind: "mapping"; readonly entries: readonly (readonly [YamlNode, YamlNode])[] };

/** Lines are folded at the first space after this column. */
const WIDTH = 80;
const INDENT = 2;
/** A longer key is written with `?`. */
const MAX_SIMPLE_KEY = 128;

/** Writes a document as libyaml's emitter does, which Go's yaml.v2 inherits; ends with a line break. */
export function emitYaml(node: YamlNode): string {
  const emitter = new Emitter();
  emitter.node(node, -1, "root");
  return `${emitter.text()}\n`;
}

type Context = "root" | "item" | "value" | "key" | "complex key";

class Emitter {
  readonly #parts: string[] = [];
  #column = 0;
  /** The last thing written was white space, or stands for it. */
  #blank = true;
  /** Nothing but indentation stands on this line yet. */
  #indenting = true;

  text(): string {
    return this.#parts.join("").replace(/\n$/, "");
  }

  node(node: YamlNode, indent: number, context: Context): void {
    if (node.kind === "scalar") return this.#scalar(node, indent < 0 ? INDENT : indent + INDENT, context === "key");
    const count = node.kind === "sequence" ? node.items.length : node.entries.length;
    if (count === 0) return this.#indicator(node.kind === "sequence" ? "[]" : "{}", { spaced: true });
    if (node.kind === "sequence") this.#sequence(node.items, indent, context);
    else this.#mapping(node.entries, indent);
  }

  #sequence(items: readonly YamlNode[], outer: number, context: Context): void {
    const indentless = (context === "value" || context === "complex key") && !this.#indenting;
    const indent = deeper(outer, indentless);
    for (const item of items) {
      this.#indent(indent);
      this.#indicator("-", { spaced: true, indenting: true });
      this.node(item, indent, "item");
    }
  }

  #mapping(entries: readonly (readonly [YamlNode, YamlNode])[], outer: number): void {
    const indent = deeper(outer, false);
    for (const [key, value] of entries) {
      this.#indent(indent);
      if (isSimpleKey(key)) {
        this.node(key, indent, "key");
        this.#indicator(":", {});
      } else {
        this.#indicator("?", { spaced: true, indenting: true });
        this.node(key, indent, "complex key");
        this.#indent(indent);
        this.#indicator(":", { spaced: true, indenting: true });
      }
      this.node(value, indent, "value");
    }
  }

  #scalar(node: YamlNode & { readonly kind: "scalar" }, indent: number, isKey: boolean): void {
    const { text, tag } = node;
    if (tag !== undefined) this.#indicator(tag, { spaced: true });
    const style = chooseStyle(text, node.style, { isKey, analysis: analyzeScalar(text) });
    switch (style) {
      case "plain":
        return this.#plain(text, indent, isKey);
      case "single":
        return this.#single(text, indent, isKey);
      case "double":
        return this.#double(text, indent, isKey);
      case "literal":
        return this.#literal(text, indent);
    }
  }

  #plain(text: string, indent: number, isKey: boolean): void {
    if (!this.#blank) this.#put(" ");
    this.#folded(text, indent, { isKey, quote: "" });
    this.#written();
  }

  #single(text: string, indent: number, isKey: boolean): void {
    this.#indicator("'", { spaced: true });
    this.#folded(text, indent, { isKey, quote: "'" });
    this.#indicator("'", {});
    this.#written();
  }

  #folded(text: string, indent: number, { isKey, quote }: { readonly isKey: boolean; readonly quote: string }): void {
    const characters = Array.from(text);
    let spaces = false;
    let breaks = false;
    for (const [index, character] of characters.entries()) {
      if (character === " ") {
        const inside = quote === "" || (index > 0 && index < characters.length - 1);
        const folds = !isKey && !spaces && this.#column > WIDTH && inside && characters[index + 1] !== " ";
        if (folds) this.#indent(indent);
        else this.#put(character);
        spaces = true;
      } else if (isBreak(character)) {
        if (!breaks && character === "\n") this.#break("\n");
        this.#break(character);
        this.#indenting = true;
        breaks = true;
      } else {
        if (breaks) this.#indent(indent);
        this.#put(character === quote ? quote + quote : character);
        this.#indenting = false;
        spaces = false;
        breaks = false;
      }
    }
  }

  #double(text: string, indent: number, isKey: boolean): void {
    const characters = Array.from(text);
    this.#indicator('"', { spaced: true });
    // The emitter takes every character of a text that begins with a byte order mark for one.
    const marked = text.startsWith("\uFEFF");
    let spaces = false;
    for (const [index, character] of characters.entries()) {
      const escaped = escapeOf(character, marked);
      if (escaped !== undefined) this.#put(escaped);
      else if (character !== " ") this.#put(character);
      else if (!isKey && !spaces && this.#column > WIDTH && index > 0 && index < characters.length - 1) {
        this.#indent(indent);
        if (characters[index + 1] === " ") this.#put("\\");
      } else this.#put(character);
      spaces = escaped === undefined && character === " ";
    }
    this.#indicator('"', {});
    this.#written();
  }

  #literal(text: string, indent: number): void {
    const characters = Array.from(text);
    const [first = "", last = "", beforeLast = ""] = [characters[0], characters.at(-1), characters.at(-2)];
    this.#indicator("|", { spaced: true });
    if (first === " " || isBreak(first)) this.#indicator(String(INDENT), {});
    if (!isBreak(last)) this.#indicator("-", {});
    else if (characters.length === 1 || isBreak(beforeLast)) this.#indicator("+", {});
    this.#break("\n");
    this.#indenting = true;
    this.#blank = true;
    let breaks = true;
    for (const character of characters) {
      if (isBreak(character)) {
        this.#break(character);
        this.#indenting = true;
        breaks = true;
        continue;
      }
      if (breaks) this.#indent(indent);
      this.#put(character);
      this.#indenting = false;
      breaks = false;
    }
  }

  #written(): void {
    this.#blank = false;
    this.#indenting = false;
  }

  /** A new line, unless this one holds only indentation that still fits. */
  #indent(indent: number): void {
    if (!this.#indenting || this.#column > indent || (this.#column === indent && !this.#blank)) this.#break("\n");
    if (this.#column < indent) this.#put(" ".repeat(indent - this.#column));
    this.#blank = true;
    this.#indenting = true;
  }

  #indicator(
    text: string,
    { spaced = false, indenting = false }: { readonly spaced?: boolean; readonly indenting?: boolean },
  ): void {
    this.#put(spaced && !this.#blank ? ` ${text}` : text);
    this.#blank = false;
    this.#indenting &&= indenting;
  }

  #put(text: string): void {
    this.#parts.push(text);
    this.#column += text.length > 1 ? Array.from(text).length : 1;
  }

  #break(character: string): void {
    this.#parts.push(character);
    this.#column = 0;
  }
}

function deeper(outer: number, indentless: boolean): number {
  if (outer < 0) return 0;
  return indentless ? outer : outer + INDENT;
}

function isSimpleKey(key: YamlNode): boolean {
  if (key.kind === "sequence") return key.items.length === 0;
  if (key.kind === "mapping") return key.entries.length === 0;
  return Buffer.byteLength(key.text) <= MAX_SIMPLE_KEY && !Array.from(key.text).some(isBreak);
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\0", "\\0"],
  ["\u0007", "\\a"],
  ["\b", "\\b"],
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\v", "\\v"],
  ["\f", "\\f"],
  ["\r", "\\r"],
  ["\u001B", "\\e"],
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\u0085", "\\N"],
  ["\u00A0", "\\_"],
  ["\u2028", "\\L"],
  ["\u2029", "\\P"],
]);

/** Undefined: the character stands for itself. */
function escapeOf(character: string, always: boolean): string | undefined {
  if (!always && isPrintable(character) && !isBreak(character) && character !== '"' && character !== "\\")
    return undefined;
  const known = ESCAPES.get(character);
  if (known !== undefined) return known;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
