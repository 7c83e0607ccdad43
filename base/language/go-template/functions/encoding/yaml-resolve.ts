import { parseTime } from "../time/parse-time.ts";
import { parseGoFloat, parseGoInt, parseGoUint } from "../text/strconv.ts";

/** What an untagged plain scalar is, by the rules of Go's yaml.v2 (YAML 1.1 with Go's numbers). */
export type Resolved =
  | { readonly tag: "str" | "timestamp"; readonly value: string }
  | { readonly tag: "bool"; readonly value: boolean }
  | { readonly tag: "null"; readonly value: null }
  /** Beyond int64 it is an unsigned one. */
  | { readonly tag: "int" | "uint"; readonly value: bigint }
  | { readonly tag: "float"; readonly value: number };

const WORDS: ReadonlyMap<string, Resolved> = new Map<string, Resolved>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map(boolOf(true)),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map(boolOf(false)),
  ...["", "~", "null", "Null", "NULL"].map((word): [string, Resolved] => [word, { tag: "null", value: null }]),
  ...[".nan", ".NaN", ".NAN"].map(floatOf(NaN)),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map(floatOf(Infinity)),
  ...["-.inf", "-.Inf", "-.INF"].map(floatOf(-Infinity)),
]);
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const SEXAGESIMAL = /^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/;
const TIMES = [
  "2006-1-2T15:4:5.999999999Z07:00",
  "2006-1-2t15:4:5.999999999Z07:00",
  "2006-1-2 15:4:5.999999999",
  "2006-1-2",
];

export function resolveYaml(text: string): Resolved {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (text.startsWith(".")) {
    const float = parseGoFloat(text);
    return float.ok ? { tag: "float", value: float.value } : { tag: "str", value: text };
  }
  if (!/^[-+\d]/.test(text)) return { tag: "str", value: text };
  if (/^\d{4}-/.test(text) && TIMES.some((layout) => parseTime(layout, text).ok))
    return { tag: "timestamp", value: text };
  return number(text.replaceAll("_", "")) ?? { tag: "str", value: text };
}

/** Readers of YAML 1.1 take `12:30` for a number in base 60. */
export function looksSexagesimal(text: string): boolean {
  return SEXAGESIMAL.test(text);
}

function number(plain: string): Resolved | undefined {
  const int = parseGoInt(plain, 0);
  if (int.ok) return { tag: "int", value: int.value };
  const uint = parseGoUint(plain, 0);
  if (uint.ok) return { tag: "uint", value: uint.value };
  if (!FLOAT.test(plain)) return undefined;
  const float = parseGoFloat(plain);
  return float.ok ? { tag: "float", value: float.value } : undefined;
}

function boolOf(value: boolean): (word: string) => [string, Resolved] {
  return (word) => [word, { tag: "bool", value }];
}

function floatOf(value: number): (word: string) => [string, Resolved] {
  return (word) => [word, { tag: "float", value }];
}
