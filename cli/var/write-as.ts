import { UsageError } from "../command/command.ts";
import type { Variable } from "./variable.ts";

/** A variable as `json`, `hcl` (a file `var put` reads) or `none`. */
export function writeAs(form: string, one: Variable): string {
  if (form === "json") return JSON.stringify(one, undefined, 2);
  if (form === "hcl") return hclOf(one);
  if (form === "none") return "";
  throw new UsageError(`-out takes hcl, json, table or none, not "${form}"`);
}

function hclOf({ Namespace, Path, CreateIndex, ModifyIndex, CreateTime, ModifyTime, Items }: Variable): string {
  const items = Object.entries(Items).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    `namespace    = ${quoted(Namespace)}`,
    `path         = ${quoted(Path)}`,
    `create_index = ${CreateIndex}  # Set by the server`,
    `modify_index = ${ModifyIndex}  # Set by the server; used for check-and-set`,
    `create_time  = ${CreateTime}  # Set by the server`,
    `modify_time  = ${ModifyTime}  # Set by the server`,
    "",
    "items = {",
    ...items.map(([key, value]) => `  ${/^[A-Za-z_][\w-]*$/.test(key) ? key : quoted(key)} = ${quoted(value)}`),
    "}",
  ].join("\n");
}

/** HCL's quoted template: JSON's escapes, and none of its sequences. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/([$%])\{/g, "$1$1{");
}
