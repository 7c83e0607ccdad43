import { fail, succeed, type Result } from "#base/env/errors.ts";
import { formatFloat } from "../../format/float.ts";
import { formatTime, RFC3339_NANO } from "../time/format-time.ts";
import { floatOf, integerOf, isMap, isSlice, stringOf, typeOf } from "../../type-of.ts";
import { GoNil, GoObject, type GoValue } from "../../value.ts";
import { compareStrings } from "../../format/map-order.ts";
import { GoDuration } from "../time/go-duration-value.ts";
import { GoTime } from "../time/go-time.ts";
import { MAX_ENCODED } from "./json-write.ts";

/** Writes TOML in the layout of BurntSushi's encoder: values first, then tables, two spaces deeper each. */
export function writeToml(value: GoValue): Result<string> {
  try {
    const writer = new Writer();
    writer.node([], value);
    return succeed(writer.text());
  } catch (thrown) {
    if (thrown instanceof Unsupported) return fail("bad_toml", thrown.message);
    throw thrown;
  }
}

class Unsupported extends Error {}

const MAX_DEPTH = 1000;
type Key = readonly string[];

class Writer {
  readonly #parts: string[] = [];
  #length = 0;

  text(): string {
    return this.#parts.join("");
  }

  node(key: Key, value: GoValue): void {
    if (key.length > MAX_DEPTH) throw new Unsupported(`toml: nested deeper than ${MAX_DEPTH} levels`);
    if (isNothing(value)) return;
    const entries = entriesOf(value);
    if (entries !== undefined) return this.#table(key, entries);
    if (isSlice(value) && isTableArray(value)) return this.#tables(key, value);
    this.#pair(key, value);
  }

  #put(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
    if (this.#length > MAX_ENCODED) throw new Unsupported(`toml: more than ${MAX_ENCODED} characters`);
  }

  #newline(): void {
    if (this.#length > 0) this.#put("\n");
  }

  #table(key: Key, entries: Entries): void {
    if (key.length === 1) this.#newline();
    if (key.length > 0) {
      this.#put(`${indentOf(key)}[${printKey(key)}]`);
      this.#newline();
    }
    this.#entries(key, entries);
  }

  #tables(key: Key, items: readonly GoValue[]): void {
    if (key.length === 0) throw new Unsupported("toml: top-level values must be Go maps or structs");
    for (const item of items) {
      this.#newline();
      this.#put(`${indentOf(key)}[[${printKey(key)}]]`);
      this.#newline();
      this.#entries(key, entriesOf(item) ?? []);
    }
  }

  #entries(key: Key, entries: Entries): void {
    for (const [name, value] of ordered(entries)) this.node([...key, name], value);
  }

  #pair(key: Key, value: GoValue): void {
    const name = key.at(-1);
    if (name === undefined) return this.#element(value, 0);
    this.#put(`${indentOf(key)}${quoteKey(name)} = `);
    this.#element(value, key.length);
    this.#newline();
  }

  #element(value: GoValue, depth: number): void {
    if (depth > MAX_DEPTH) throw new Unsupported(`toml: nested deeper than ${MAX_DEPTH} levels`);
    if (isSlice(value) || value instanceof Uint8Array) {
      const items: readonly GoValue[] = value instanceof Uint8Array ? [...value].map(BigInt) : value;
      this.#put("[");
      for (const [index, item] of items.entries()) {
        if (isNothing(item)) throw new Unsupported(NIL_ELEMENT);
        if (index > 0) this.#put(", ");
        this.#element(item, depth + 1);
      }
      return this.#put("]");
    }
    const entries = entriesOf(value);
    if (entries === undefined) return this.#put(scalar(value));
    this.#put("{");
    const present = ordered(entries).filter(([, item]) => !isNothing(item));
    for (const [index, [name, item]] of present.entries()) {
      this.#put(`${index > 0 ? ", " : ""}${quoteKey(name)} = `);
      this.#element(item, depth + 1);
    }
    this.#put("}");
  }
}

function scalar(value: GoValue): string {
  if (value instanceof GoTime) return formatTime(value, RFC3339_NANO);
  if (value instanceof GoDuration) return quoteToml(value.text());
  if (typeof value === "boolean") return String(value);
  const text = stringOf(value);
  if (text !== undefined) return quoteToml(text);
  const number = floatOf(value);
  if (number !== undefined) return float(number);
  const integer = integerOf(value);
  if (integer !== undefined) return String(integer);
  throw new Unsupported(`unexpected type: ${typeOf(value).name}`);
}

function float(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "+inf" : "-inf";
  const digits = formatFloat(value, { verb: "f", precision: -1, single: false });
  return digits.includes(".") ? digits : `${digits}.0`;
}

type Entries = readonly (readonly [string, GoValue])[];

const NIL_ELEMENT = "toml: cannot encode array with nil element";

function isNothing(value: GoValue): boolean {
  return value === null || value instanceof GoNil;
}

function entriesOf(value: GoValue): Entries | undefined {
  if (value instanceof GoObject)
    return value instanceof GoTime || value.underlying() !== undefined ? undefined : [...value.fields()];
  if (!isMap(value)) return undefined;
  const entries: [string, GoValue][] = [];
  for (const [key, item] of value) {
    if (typeof key !== "string") throw new Unsupported("toml: cannot encode a map with non-string key type");
    entries.push([key, item]);
  }
  return entries.toSorted(([a], [b]) => compareStrings(a, b));
}

/** Plain values come before tables. */
function ordered(entries: Entries): Entries {
  const direct = entries.filter(([, value]) => !isTable(value));
  return [...direct, ...entries.filter(([, value]) => isTable(value))];
}

function isTable(value: GoValue): boolean {
  return entriesOf(value) !== undefined || (isSlice(value) && isTableArray(value));
}

function isTableArray(items: readonly GoValue[]): boolean {
  if (items.some(isNothing)) throw new Unsupported(NIL_ELEMENT);
  return items.length > 0 && items.every((item) => entriesOf(item) !== undefined);
}

function indentOf(key: Key): string {
  return "  ".repeat(Math.max(0, key.length - 1));
}

function printKey(key: Key): string {
  return key.map(quoteKey).join(".");
}

function quoteKey(name: string): string {
  return /^[\w-]+$/.test(name) ? name : quoteToml(name);
}

function quoteToml(text: string): string {
  const short: Readonly<Record<string, string>> = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
  };
  const escaped = text.replaceAll(
    /["\\\0-\x1F\x7F]/g,
    (character) => short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}
