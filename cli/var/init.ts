import { existsSync, writeFileSync } from "node:fs";
import { CodedError } from "#base/env/errors.ts";
import type { RunCommand } from "../command/command.ts";

const HCL = `# A variable for "lares var put @spec.nsv.hcl"
path      = "path/to/variable"
namespace = "default"

items {
  key1 = "value 1"
  key2 = "value 2"
}
`;
const JSON_TEXT = `${JSON.stringify({ Namespace: "default", Path: "path/to/variable", Items: { key1: "value 1", key2: "value 2" } }, undefined, 2)}\n`;

/** Writes an example of a variable's file; an existing file stays. */
export const init: RunCommand = ({ flags, operands, output }) => {
  const isJson = flags.on("json") || flags.value("out") === "json";
  const path = operands[0] ?? (isJson ? "spec.nsv.json" : "spec.nsv.hcl");
  if (existsSync(path)) throw new CodedError("exists", `${path} is there already`, "Name another file.");
  writeFileSync(path, isJson ? JSON_TEXT : HCL);
  output.line(`Example variable specification written to ${path}`);
  return Promise.resolve(0);
};
