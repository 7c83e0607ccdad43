import { readFileSync } from "node:fs";
import { CodedError, messageOf } from "#base/env/errors.ts";

/** A file's text; `-` is standard input. */
export function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new CodedError("unreadable", `cannot read ${file}: ${messageOf(error)}`);
  }
}
