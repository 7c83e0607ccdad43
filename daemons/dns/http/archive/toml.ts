import { fail, succeed, type Result } from "#base/env/errors.ts";
import { isTree, type ConfigTree } from "../config/config-tree.ts";

const MAX_CHARACTERS = 4 * 1024 * 1024;
const MAX_DEPTH = 8;

/** As much of TOML as Pi-hole's settings are made of: tables, booleans, numbers, texts, lists of texts. */
export function writeToml(tree: ConfigTree): string {
  const lines: string[] = [];
  writeTable(tree, "", lines);
  return `${lines.join("\n")}\n`;
}

function writeTable(tree: ConfigTree, path: string, lines: string[]): void {
  for (const [key, value] of Object.entries(tree)) if (!isTree(value)) lines.push(`${key} = ${JSON.stringify(value)}`);
  for (const [key, value] of Object.entries(tree)) {
    if (!isTree(value)) continue;
    const name = path === "" ? key : `${path}.${key}`;
    lines.push("", `[${name}]`);
    writeTable(value, name, lines);
  }
}

/** The same, and comments. Whatever the text is, a result. */
export function readToml(text: string): Result<ConfigTree> {
  if (text.length > MAX_CHARACTERS) return fail("bad_toml", "the file is too large");
  const reader = new Reader(text);
  try {
    return succeed(reader.document());
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    return fail("bad_toml", `line ${reader.line}: ${thrown.message}`);
  }
}

class TomlError extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get line(): number {
    return this.#text.slice(0, this.#at).split("\n").length;
  }

  document(): ConfigTree {
    const root = newTree();
    let table = root;
    for (;;) {
      this.#skip(true);
      if (this.#at >= this.#text.length) return root;
      if (this.#peek() === "[") {
        this.#at += 1;
        table = this.#descend(root, this.#path());
        this.#expect("]");
      } else {
        const path = this.#path();
        const key = path.pop() ?? "";
        this.#expect("=");
        this.#descend(table, path)[key] = this.#value(0);
      }
      this.#skip(false);
      if (this.#at < this.#text.length && this.#peek() !== "\n") throw new TomlError("expected the end of the line");
    }
  }

  #descend(root: ConfigTree, path: readonly string[]): ConfigTree {
    if (path.length > MAX_DEPTH) throw new TomlError("the name has too many parts");
    let tree = root;
    for (const key of path) {
      const below = tree[key];
      if (below !== undefined && !isTree(below)) throw new TomlError(`${key} is a value and a table`);
      const next = below === undefined ? newTree() : below;
      tree[key] = next;
      tree = next;
    }
    return tree;
  }

  #path(): string[] {
    const parts: string[] = [];
    for (;;) {
      this.#skip(false);
      const quote = this.#peek();
      const part = quote === '"' || quote === "'" ? this.#string(quote) : this.#match(/[A-Za-z0-9_-]+/y);
      if (part === undefined) throw new TomlError("expected a name");
      parts.push(part);
      this.#skip(false);
      if (this.#peek() !== ".") return parts;
      this.#at += 1;
    }
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new TomlError("the list is nested too deeply");
    this.#skip(false);
    const first = this.#peek();
    if (first === '"' || first === "'") return this.#string(first);
    if (first === "[") return this.#list(depth);
    const word = this.#match(/[A-Za-z0-9_+.:-]+/y);
    if (word === "true" || word === "false") return word === "true";
    const number = Number(word?.replaceAll("_", ""));
    if (word === undefined || Number.isNaN(number)) throw new TomlError("expected a value");
    return number;
  }

  #list(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#at += 1;
    for (;;) {
      this.#skip(true);
      if (this.#peek() === "]") break;
      items.push(this.#value(depth + 1));
      this.#skip(true);
      if (this.#peek() !== ",") break;
      this.#at += 1;
    }
    this.#expect("]");
    return items;
  }

  #string(quote: string): string {
    const found = this.#match(quote === '"' ? /"(?:[^"\\\n]|\\.)*"/y : /'[^'\n]*'/y);
    if (found === undefined) throw new TomlError("the text has no end");
    if (quote === "'") return found.slice(1, -1);
    return found.slice(1, -1).replaceAll(/\\(u[0-9a-fA-F]{4}|.)/g, (_, escape: string) => {
      const known: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };
      return escape.length > 1 ? String.fromCharCode(Number.parseInt(escape.slice(1), 16)) : (known[escape] ?? escape);
    });
  }

  #skip(lines: boolean): void {
    this.#match(lines ? /(?:[ \t\r\n]|#[^\n]*)*/y : /[ \t\r]*(?:#[^\n]*)?/y);
  }

  #expect(text: string): void {
    this.#skip(false);
    if (this.#peek() !== text) throw new TomlError(`expected ${text}`);
    this.#at += 1;
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }
}

/** Without a prototype: keys may be called anything. */
function newTree(): ConfigTree {
  const tree: ConfigTree = {};
  Object.setPrototypeOf(tree, null);
  return tree;
}
