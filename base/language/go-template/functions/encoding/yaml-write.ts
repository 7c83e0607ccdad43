import { succeed, fail, type Result } from "#base/env/errors.ts";
import { bytesOfText, isBinary } from "../text/go-bytes.ts";
import { formatFloat } from "../../format/float.ts";
import { formatTime, RFC3339_NANO } from "../time/format-time.ts";
import { floatOf, integerOf, isMap, isSlice, stringOf } from "../../type-of.ts";
import { GoObject, type GoKey, type GoValue } from "../../value.ts";
import { GoDuration } from "../time/go-duration-value.ts";
import { GoTime } from "../time/go-time.ts";
import { emitYaml, type YamlNode } from "./yaml-emit.ts";
import { looksSexagesimal, resolveYaml } from "./yaml-resolve.ts";
import { compareYamlKeys } from "./yaml-key-order.ts";

const MAX_DEPTH = 500;
/** Most scalars and collections written. */
const MAX_NODES = 1_000_000;

/** `yaml.Marshal` of Go's yaml.v2: the document ends with a line break. */
export function writeYaml(value: GoValue): Result<string> {
  const budget = { nodes: 0 };
  const node = nodeOf(value, 0, budget);
  if (node === undefined)
    return fail("bad_yaml", `yaml: more than ${MAX_NODES} values, or nested deeper than ${MAX_DEPTH} levels`);
  return succeed(emitYaml(node));
}

function nodeOf(value: GoValue, depth: number, budget: { nodes: number }): YamlNode | undefined {
  if (depth > MAX_DEPTH || budget.nodes++ > MAX_NODES) return undefined;
  if (isMap(value)) {
    const entries = [...value].toSorted(([a], [b]) => compareYamlKeys(a, b));
    return mapping(entries, depth, budget);
  }
  if (value instanceof GoObject) return objectNode(value, depth, budget);
  if (!isSlice(value) && !(value instanceof Uint8Array)) return scalarOf(value);
  const items: YamlNode[] = [];
  for (const item of value instanceof Uint8Array ? [...value].map(BigInt) : value) {
    const node = nodeOf(item, depth + 1, budget);
    if (node === undefined) return undefined;
    items.push(node);
  }
  return { kind: "sequence", items };
}

/** A struct's keys are its fields' names in lower case. */
function objectNode(value: GoObject, depth: number, budget: { nodes: number }): YamlNode | undefined {
  if (value instanceof GoTime) return plain(formatTime(value, RFC3339_NANO));
  if (value instanceof GoDuration) return textNode(value.text());
  const underlying = value.underlying();
  if (underlying !== undefined) return nodeOf(underlying, depth + 1, budget);
  const fields = [...value.fields()].map(([name, item]): [GoKey, GoValue] => [name.toLowerCase(), item]);
  return mapping(fields, depth, budget);
}

function mapping(
  entries: readonly (readonly [GoKey, GoValue])[],
  depth: number,
  budget: { nodes: number },
): YamlNode | undefined {
  const nodes: [YamlNode, YamlNode][] = [];
  for (const [key, item] of entries) {
    const node = nodeOf(item, depth + 1, budget);
    if (node === undefined) return undefined;
    nodes.push([scalarOf(key), node]);
  }
  return { kind: "mapping", entries: nodes };
}

function scalarOf(value: GoValue): YamlNode {
  const text = stringOf(value);
  if (text !== undefined) return textNode(text);
  const number = floatOf(value);
  if (number !== undefined) return plain(float(number));
  const integer = integerOf(value);
  if (integer !== undefined) return plain(String(integer));
  return plain(typeof value === "boolean" ? String(value) : "null");
}

/** A text that would be read as something else is quoted, one with line breaks is written as a block. */
function textNode(text: string): YamlNode {
  if (isBinary(text)) {
    const folded = foldedBase64(text);
    return { kind: "scalar", text: folded, style: folded.includes("\n") ? "literal" : "plain", tag: "!!binary" };
  }
  if (text.includes("\n")) return { kind: "scalar", text, style: "literal" };
  const plainText = resolveYaml(text).tag === "str" && !looksSexagesimal(text);
  return { kind: "scalar", text, style: plainText ? "plain" : "double" };
}

function foldedBase64(text: string): string {
  const encoded = bytesOfText(text).toString("base64");
  return encoded.length < 70 ? encoded : encoded.replaceAll(/.{1,70}/g, "$&\n");
}

function float(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  return formatFloat(value, { verb: "g", precision: -1, single: false });
}

function plain(text: string): YamlNode {
  return { kind: "scalar", text, style: "plain" };
}
