import { fail, succeed, type Result } from "#base/env/errors.ts";
import { formatTime, RFC3339_NANO } from "../time/format-time.ts";
import { floatOf, integerOf, isMap, isSlice, stringOf, typeOf } from "../../type-of.ts";
import { GoNil, GoObject, type GoValue } from "../../value.ts";
import { compareStrings } from "../../format/map-order.ts";
import { GoTime } from "../time/go-time.ts";
import { MarshalledStruct } from "./marshalled-struct.ts";

export interface JsonOptions {
  /** `<`, `>` and `&` become `\u003c` …, as encoding/json does unless told otherwise. Default true. */
  readonly escapeHtml?: boolean;
  /** Spaces a level; 0: everything on one line. Default 0. */
  readonly indent?: number;
}

/** Most characters written; a value that shares parts of itself can be small in memory and endless as text. */
export const MAX_ENCODED = 64 * 1024 * 1024;
const MAX_DEPTH = 1000;

/** `json.Marshal`: keys sorted, structs in the order of their fields (https://pkg.go.dev/encoding/json#Marshal). */
export function writeJson(value: GoValue, { escapeHtml = true, indent = 0 }: JsonOptions = {}): Result<string> {
  try {
    return succeed(new Writer(escapeHtml, " ".repeat(indent)).document(value));
  } catch (thrown) {
    if (thrown instanceof Unsupported) return fail("bad_json", thrown.message);
    throw thrown;
  }
}

class Unsupported extends Error {}

class Writer {
  readonly #escapeHtml: boolean;
  readonly #indent: string;
  readonly #parts: string[] = [];
  #length = 0;

  constructor(escapeHtml: boolean, indent: string) {
    this.#escapeHtml = escapeHtml;
    this.#indent = indent;
  }

  document(value: GoValue): string {
    this.#value(value, 0);
    return this.#parts.join("");
  }

  #put(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
    if (this.#length > MAX_ENCODED) throw new Unsupported(`json: more than ${MAX_ENCODED} characters`);
  }

  #value(value: GoValue, depth: number): void {
    if (depth > MAX_DEPTH) throw new Unsupported(`json: nested deeper than ${MAX_DEPTH} levels`);
    if (value === null || value instanceof GoNil) return this.#put("null");
    if (typeof value === "boolean") return this.#put(String(value));
    if (value instanceof GoTime) return this.#put(`"${formatTime(value, RFC3339_NANO)}"`);
    // What `MarshalJSON` gives is written instead.
    if (value instanceof MarshalledStruct) return this.#value(value.json(), depth + 1);
    if (value instanceof Uint8Array) return this.#put(`"${Buffer.from(value).toString("base64")}"`);
    if (isMap(value)) {
      const entries = [...value].map(([key, item]): [string, GoValue] => [String(key), item]);
      return this.#object(
        entries.toSorted(([a], [b]) => compareStrings(a, b)),
        depth,
      );
    }
    return isSlice(value) ? this.#list(value, depth) : this.#scalar(value, depth);
  }

  #scalar(value: GoValue, depth: number): void {
    const text = stringOf(value);
    if (text !== undefined) return this.#put(quoteJson(text, this.#escapeHtml));
    const float = floatOf(value);
    if (float !== undefined) return this.#put(number(float));
    const integer = integerOf(value);
    if (integer !== undefined) return this.#put(String(integer));
    if (!(value instanceof GoObject)) throw new Unsupported(`json: unsupported type: ${typeOf(value).name}`);
    const plain = value.underlying();
    if (plain === undefined) this.#object([...value.fields()], depth);
    else this.#value(plain, depth + 1);
  }

  #object(entries: readonly (readonly [string, GoValue])[], depth: number): void {
    if (entries.length === 0) return this.#put("{}");
    this.#put("{");
    for (const [index, [key, value]] of entries.entries()) {
      if (index > 0) this.#put(",");
      this.#newline(depth + 1);
      this.#put(`${quoteJson(key, this.#escapeHtml)}:${this.#indent === "" ? "" : " "}`);
      this.#value(value, depth + 1);
    }
    this.#newline(depth);
    this.#put("}");
  }

  #list(items: readonly GoValue[], depth: number): void {
    if (items.length === 0) return this.#put("[]");
    this.#put("[");
    for (const [index, item] of items.entries()) {
      if (index > 0) this.#put(",");
      this.#newline(depth + 1);
      this.#value(item, depth + 1);
    }
    this.#newline(depth);
    this.#put("]");
  }

  #newline(depth: number): void {
    if (this.#indent !== "") this.#put(`\n${this.#indent.repeat(depth)}`);
  }
}

/** Numbers as JavaScript prints them are Go's: digits from 1e-6 to below 1e21, an exponent beyond. */
function number(value: number): string {
  if (!Number.isFinite(value)) {
    const name = Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
    throw new Unsupported(`json: unsupported value: ${name}`);
  }
  return Object.is(value, -0) ? "-0" : String(value);
}

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** Bytes that are no UTF-8 become the replacement character. */
export function quoteJson(text: string, escapeHtml: boolean): string {
  const escaped = text.replaceAll(escapeHtml ? HTML : PLAIN, (character) => {
    const short = SHORT[character];
    if (short !== undefined) return short;
    const code = character.charCodeAt(0);
    return code > 0xd7ff && code < 0xe000 ? "\\ufffd" : `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}

// A lone surrogate is matched as one character with the u flag.
const HTML = /["\\\0-\x1F<>&\u2028\u2029\uD800-\uDFFF]/gu;
const PLAIN = /["\\\0-\x1F\u2028\u2029\uD800-\uDFFF]/gu;
