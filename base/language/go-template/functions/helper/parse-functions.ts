import { GoError, type GoKey, type GoValue } from "../../value.ts";
import { ANY, f1, int64, outcomeOf, STRING, uint64, type Defined, type Outcome } from "../define.ts";
import { readJson } from "../encoding/json-read.ts";
import { writeJson, type JsonOptions } from "../encoding/json-write.ts";
import { writeToml } from "../encoding/toml-write.ts";
import { printValue } from "../print-value.ts";
import { readYaml, type Yaml, type YamlKey } from "../encoding/yaml-read.ts";
import { writeYaml } from "../encoding/yaml-write.ts";
import { parseGoBool, parseGoFloat, parseGoInt, parseGoUint } from "../text/strconv.ts";
import { trimSpace } from "../text/trim.ts";

/** consul-template's readers and writers of other formats. An empty text is what a key gives that has not come yet: it reads as nothing. */
export const parseFunctions: readonly Defined[] = [
  f1("parseBool", [STRING], (text) => (text === "" ? false : outcomeOf(parseGoBool(text), "parseBool: "))),
  f1("parseFloat", [STRING], (text) => (text === "" ? 0 : outcomeOf(parseGoFloat(text), "parseFloat: "))),
  f1("parseInt", [STRING], (text) => {
    const parsed = parseGoInt(text === "" ? "0" : text);
    return parsed.ok ? int64(parsed.value) : new GoError(`parseInt: ${parsed.error.message}`);
  }),
  f1("parseUint", [STRING], (text) => {
    const parsed = parseGoUint(text === "" ? "0" : text);
    return parsed.ok ? uint64(parsed.value) : new GoError(`parseUint: ${parsed.error.message}`);
  }),
  f1("parseJSON", [STRING], (text) => (text === "" ? new Map() : outcomeOf(readJson(text)))),
  f1("parseYAML", [STRING], (text) => {
    if (text === "") return new Map();
    const parsed = readYaml(text);
    return parsed.ok ? fromYaml(parsed.value) : new GoError(parsed.error.message);
  }),
  f1("toJSON", [ANY], (value) => json("toJSON", value, {})),
  f1("toJSONPretty", [ANY], (value) => json("toJSONPretty", value, { indent: 2 })),
  f1("toUnescapedJSON", [ANY], (value) => json("toUnescapedJSON", value, { escapeHtml: false })),
  f1("toUnescapedJSONPretty", [ANY], (value) => json("toUnescapedJSONPretty", value, { escapeHtml: false, indent: 2 })),
  f1("toTOML", [ANY], (value) => trimmed("toTOML", writeToml(value))),
  f1("toYAML", [ANY], (value) => trimmed("toYAML", writeYaml(value))),
];

/** Values of a YAML document as templates see them. */
export function fromYaml(value: Yaml): GoValue {
  if (value instanceof Map)
    return new Map([...value].map(([key, item]): [GoKey, GoValue] => [keyOf(key), fromYaml(item)]));
  if (typeof value !== "object" || value === null) return value;
  return "uint64" in value ? uint64(value.uint64) : value.map(fromYaml);
}

/** Keys here are texts or whole numbers: other keys are taken as they are printed. */
function keyOf(key: YamlKey): GoKey {
  return typeof key === "bigint" || typeof key === "string" ? key : printValue(key);
}

function json(name: string, value: GoValue, options: JsonOptions): Outcome {
  return outcomeOf(writeJson(value, options), `${name}: `);
}

function trimmed(name: string, written: ReturnType<typeof writeToml>): Outcome {
  return written.ok ? trimSpace(written.value) : new GoError(`${name}: ${written.error.message}`);
}
