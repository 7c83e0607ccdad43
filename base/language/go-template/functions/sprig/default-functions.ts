import { GoError, type GoValue } from "../../value.ts";
import { all, ANY, BOOL, f1, f3, oneAndAll, outcomeOf, STRING, type Defined } from "../define.ts";
import { readJson } from "../encoding/json-read.ts";
import { writeJson, type JsonOptions } from "../encoding/json-write.ts";
import { isEmpty } from "../merge-maps.ts";

/** sprig's defaults, JSON and flow control (https://masterminds.github.io/sprig/defaults.html). */
export const defaultFunctions: readonly Defined[] = [
  oneAndAll("default", [ANY, ANY], (fallback, [given = null]) => (isEmpty(given) ? fallback : given)),
  f1("empty", [ANY], isEmpty),
  all("coalesce", ANY, (values) => values.find((value) => !isEmpty(value)) ?? null),
  all("all", ANY, (values) => !values.some(isEmpty)),
  all("any", ANY, (values) => !values.every(isEmpty)),
  f3("ternary", [ANY, ANY, BOOL], (yes, no, test) => (test ? yes : no)),
  f1("fail", [STRING], (message) => new GoError(message)),
  f1("fromJson", [STRING], (text) => {
    const read = readJson(text);
    return read.ok ? read.value : null;
  }),
  f1("mustFromJson", [STRING], (text) => outcomeOf(readJson(text))),
  ...json("ToJson", {}),
  ...json("ToPrettyJson", { indent: 2 }),
  ...json("ToRawJson", { escapeHtml: false }),
];

/** The plain one gives nothing for what cannot be written, its twin an error. */
function json(name: string, options: JsonOptions): readonly Defined[] {
  const lenient = (value: GoValue): string => {
    const written = writeJson(value, options);
    return written.ok ? written.value : "";
  };
  const plain = name.charAt(0).toLowerCase() + name.slice(1);
  const strict = (value: GoValue) => outcomeOf(writeJson(value, options));
  return [f1(plain, [ANY], options.escapeHtml === false ? strict : lenient), f1(`must${name}`, [ANY], strict)];
}
