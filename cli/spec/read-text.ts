import { readFileSync } from "node:fs";
import { CodedError, messageOf } from "#base/env/errors.ts";

/** A file's text; `-` is standard input. Throws with the path and the reason. */
export function readTextFile(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw new CodedError("unreadable", `cannot read ${path}: ${messageOf(error)}`);
  }
}
