import { parse } from "yaml";
import { messageOf } from "#base/env/errors.ts";
import { fromJson } from "../evaluate/value.ts";
import { Fault, one, text, type HclFunction } from "./function.ts";

/** Aliases one text may resolve to: beyond that it is a bomb, not a document. */
const MAX_ALIASES = 100;

/** YAML 1.2 with merge keys; one document. */
export const yamldecode: HclFunction = one(text, (source) => {
  try {
    const parsed: unknown = parse(source, { merge: true, maxAliasCount: MAX_ALIASES, logLevel: "error" });
    return fromJson(parsed ?? null) ?? new Fault("this holds values that are no text, number, bool, list or object");
  } catch (thrown) {
    const [first = ""] = messageOf(thrown).split("\n");
    return new Fault(`this is no YAML: ${first}`);
  }
});
