import { sortedEntries } from "#base/language/go-template/format/map-order.ts";
import { isMap } from "#base/language/go-template/type-of.ts";
import { isList, typeName } from "#base/language/go-template/functions/define.ts";
import { printValue } from "#base/language/go-template/functions/print-value.ts";
import { quote } from "#base/language/go-template/format/quote.ts";
import { GoObject, type GoValue } from "#base/language/go-template/value.ts";

const MAX_DEPTH = 100;

/** Values with their types, one a line (https://pkg.go.dev/github.com/davecgh/go-spew/spew#Dump); capacities and addresses are left out. */
export function spewDump(values: readonly GoValue[]): string {
  return values.map((value) => `${dump(value, 0)}\n`).join("");
}

/** Like `printf`, for values of any depth: `%v` compact, `%#v` with types; `%+v` would add addresses, there are none. */
export function spewFormat(format: string, values: readonly GoValue[]): string {
  let next = 0;
  const text = format.replaceAll(/%(?:%|[-+# 0]*\d*[a-zA-Z])/g, (all: string) => {
    if (all === "%%") return "%";
    const verb = all.at(-1) ?? "";
    const value = values[next++];
    if (value === undefined) return `%!${verb}(MISSING)`;
    if (verb === "q" && typeof value === "string") return quote(value);
    return verb === "v" && all.includes("#") ? typed(value, 0) : printValue(value);
  });
  const rest = values.slice(next).map((value) => `${typeName(value)}=${printValue(value)}`);
  return rest.length === 0 ? text : `${text}%!(EXTRA ${rest.join(", ")})`;
}

function dump(value: GoValue, depth: number): string {
  if (value === null) return "(interface {}) <nil>";
  const pad = " ".repeat(depth + 1);
  const block = (lines: readonly string[]): string => {
    const inner = lines.map((line) => `${pad}${line}`).join(",\n");
    return `{\n${inner}${lines.length > 0 ? "\n" : ""}${" ".repeat(depth)}}`;
  };
  const head = headOf(value);
  if (depth > MAX_DEPTH) return `${head} …`;
  if (typeof value === "string") return `${head} ${quote(value)}`;
  if (isMap(value)) {
    const entries = sortedEntries(value);
    return `${head} ${block(entries.map(([key, item]) => `${dump(key, depth + 1)}: ${dump(item, depth + 1)}`))}`;
  }
  if (value instanceof GoObject)
    return `${head} ${block([...value.fields()].map(([name, item]) => `${name}: ${dump(item, depth + 1)}`))}`;
  return isList(value)
    ? `${head} ${block(value.map((item) => dump(item, depth + 1)))}`
    : `${head} ${printValue(value)}`;
}

function headOf(value: GoValue): string {
  const size =
    typeof value === "string" ? Buffer.byteLength(value) : isMap(value) ? value.size : isList(value) ? value.length : 0;
  return `(${typeName(value)})${size === 0 ? "" : ` (len=${size})`}`;
}

function typed(value: GoValue, depth: number): string {
  if (value === null) return "(interface {})<nil>";
  const head = `(${typeName(value)})`;
  if (depth > MAX_DEPTH) return `${head}…`;
  if (isMap(value)) {
    const entries = sortedEntries(value);
    return `${head}map[${entries.map(([key, item]) => `${printValue(key)}:${typed(item, depth + 1)}`).join(" ")}]`;
  }
  if (value instanceof GoObject)
    return `${head}{${[...value.fields()].map(([name, item]) => `${name}:${typed(item, depth + 1)}`).join(" ")}}`;
  if (isList(value)) return `${head}[${value.map((item) => typed(item, depth + 1)).join(" ")}]`;
  return `${head}${printValue(value)}`;
}
