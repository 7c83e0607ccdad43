import * as v from "valibot";
import { flag, integer, text, texts } from "#base/language/hcl/decode/readers.ts";
import { nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import type { Result } from "#base/env/errors.ts";
import { readOne, type ReadText } from "../../oci/read-recipe.ts";

const kinds: Readonly<Record<string, BlockTable["attributes"]>> = {
  file: {
    exists: to("exists", flag),
    mode: to("mode", text),
    contains: to("contains", text),
    target: to("target", text),
  },
  package: { version: to("version", text), installed: to("installed", flag) },
  service: { enabled: to("enabled", flag), masked: to("masked", flag), running: to("running", flag) },
  port: { listening: to("listening", flag) },
  user: { uid: to("uid", integer) },
  mount: { type: to("type", text), options: to("options", texts) },
  command: { exit: to("exit", integer), prints: to("prints", text) },
  kernel: { value: to("value", text) },
  interface: { up: to("up", flag), address: to("address", flag) },
};

const blocks = Object.fromEntries(
  Object.entries(kinds).map(([name, attributes]) => [
    name,
    nestedBlock(name, { name, attributes, blocks: {} }, { many: "list", label: "name" }),
  ]),
);

const checksFile: BlockTable = {
  name: "a file of checks",
  attributes: {},
  blocks: {
    checks: nestedBlock("checks", { name: "checks", attributes: {}, blocks }, { many: "list", label: "name" }),
  },
};

const listOf = <E extends v.ObjectEntries>(entries: E) =>
  v.optional(v.array(v.object({ name: v.string(), ...entries })), []);
const yes = v.optional(v.boolean());
const word = v.optional(v.string());

export const ChecksSchema = v.object({
  name: v.string(),
  /** `mode` in octal; `contains` is a regular expression; `target` of a link. */
  file: listOf({ exists: v.optional(v.boolean(), true), mode: word, contains: word, target: word }),
  package: listOf({ version: word, installed: v.optional(v.boolean(), true) }),
  service: listOf({ enabled: yes, masked: yes, running: yes }),
  /** `tcp:4646`, `udp:53`. */
  port: listOf({ listening: v.optional(v.boolean(), true) }),
  user: listOf({ uid: v.optional(v.number()) }),
  mount: listOf({ type: word, options: v.optional(v.array(v.string()), []) }),
  /** A line of shell. */
  command: listOf({ exit: v.optional(v.number(), 0), prints: word }),
  /** A parameter as sysctl(8) names it. */
  kernel: listOf({ value: v.string() }),
  /** `e*` stands for any whose name begins so. `address`: it has one. */
  interface: listOf({ up: v.optional(v.boolean(), true), address: yes }),
});
export type Checks = v.InferOutput<typeof ChecksSchema>;

/** Reads `NAME.checks.hcl`. */
export function readChecks(path: string, read: ReadText): Result<Checks> {
  return readOne(path, { read, table: checksFile, field: "checks", kind: "checks", schema: ChecksSchema });
}
