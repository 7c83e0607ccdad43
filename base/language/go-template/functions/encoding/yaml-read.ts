import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Document, type Node } from "yaml";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { textOfBytes } from "../text/go-bytes.ts";
import { resolveYaml } from "./yaml-resolve.ts";

/** What a document holds; keys are scalars of any kind. An alias shares the value of its anchor. */
export type Yaml = null | boolean | number | bigint | string | readonly Yaml[] | Map<YamlKey, Yaml> | YamlUint;
export type YamlKey = null | boolean | number | bigint | string;
/** A whole number beyond int64. */
export interface YamlUint {
  readonly uint64: bigint;
}

/** Deeper documents are refused. */
export const MAX_YAML_DEPTH = 500;

/** Reads the first document of a text as Go's yaml.v2 does when asked for `interface{}`. */
export function readYaml(text: string): Result<Yaml> {
  try {
    // No schema: what a plain scalar is follows Go's rules below. Keys may repeat, the last one counts.
    const [first] = parseAllDocuments(text, {
      version: "1.1",
      schema: "failsafe",
      uniqueKeys: false,
      logLevel: "silent",
    });
    if (first === undefined || !("contents" in first)) return succeed(null);
    const [error] = first.errors;
    if (error !== undefined) {
      const line = error.linePos?.[0].line ?? 1;
      return fail("bad_yaml", `yaml: line ${line}: ${error.message.split(/ at line \d+/)[0] ?? ""}`);
    }
    return succeed(new Reader(first).value(first.contents, 0));
  } catch (thrown) {
    return fail("bad_yaml", thrown instanceof YamlFault ? thrown.message : `yaml: ${messageOf(thrown)}`);
  }
}

class YamlFault extends Error {}

class Reader {
  readonly #document: Document;
  readonly #done = new Map<Node, Yaml>();
  readonly #open = new Set<Node>();

  constructor(document: Document) {
    this.#document = document;
  }

  value(node: unknown, depth: number): Yaml {
    if (depth > MAX_YAML_DEPTH) throw new YamlFault(`yaml: exceeded max depth of ${MAX_YAML_DEPTH}`);
    if (isScalar(node)) return scalar(node);
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target === undefined) throw new YamlFault(`yaml: unknown anchor '${node.source}' referenced`);
      if (this.#open.has(target)) throw new YamlFault(`yaml: anchor '${node.source}' value contains itself`);
      return this.#once(target, depth);
    }
    return isMap(node) || isSeq(node) ? this.#once(node, depth) : null;
  }

  #once(node: Node, depth: number): Yaml {
    const known = this.#done.get(node);
    if (known !== undefined) return known;
    this.#open.add(node);
    const value = this.#collection(node, depth);
    this.#open.delete(node);
    this.#done.set(node, value);
    return value;
  }

  #collection(node: Node, depth: number): Yaml {
    if (isSeq(node)) return node.items.map((item) => this.value(item, depth + 1));
    if (!isMap(node)) return this.value(node, depth);
    const map = new Map<YamlKey, Yaml>();
    for (const { key, value } of node.items) {
      const merges = isScalar(key) && key.type === "PLAIN" && key.tag === undefined && key.value === "<<";
      if (merges) this.#merge(map, this.value(value, depth + 1));
      else map.set(keyOf(this.value(key, depth + 1)), this.value(value, depth + 1));
    }
    return map;
  }

  #merge(into: Map<YamlKey, Yaml>, from: Yaml): void {
    const sources: readonly Yaml[] = isYamlList(from) ? from.toReversed() : [from];
    for (const source of sources) {
      if (!isYamlMap(source)) throw new YamlFault("yaml: map merge requires map or sequence of maps as the value");
      for (const [key, value] of source) into.set(key, value);
    }
  }
}

function isYamlList(value: Yaml): value is readonly Yaml[] {
  return Array.isArray(value);
}

function isYamlMap(value: Yaml): value is Map<YamlKey, Yaml> {
  return value instanceof Map;
}

function keyOf(value: Yaml): YamlKey {
  if (typeof value === "object" && value !== null) {
    if ("uint64" in value) return value.uint64;
    throw new YamlFault("yaml: invalid map key: only scalars can be keys");
  }
  return value;
}

function scalar(node: {
  readonly value: unknown;
  readonly type?: string | undefined;
  readonly tag?: string | undefined;
}): Yaml {
  const text = typeof node.value === "string" ? node.value : "";
  const tag = node.tag?.replace("tag:yaml.org,2002:", "");
  if (tag === "binary") return textOfBytes(Buffer.from(text, "base64"));
  if (tag === "str" || (tag === undefined && node.type !== "PLAIN" && node.value !== null)) return text;
  const resolved = resolveYaml(text);
  if (tag === "float" && resolved.tag === "int") return Number(resolved.value);
  return resolved.tag === "uint" ? { uint64: resolved.value } : resolved.value;
}
