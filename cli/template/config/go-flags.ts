import type { Fields, Reader } from "#base/language/hcl/decode/table.ts";
import { didYouMean } from "#base/language/nearest.ts";
import { UsageError } from "../../command/command.ts";
import { isFields, mergeFields } from "./merge.ts";

export interface ToolFlag {
  /** What help calls the value; empty for a switch, which may stand without one. */
  readonly value: string;
  readonly summary: string;
  readonly read: Reader;
  /** What a value that was read changes. */
  readonly apply: (into: Fields, value: unknown) => Fields;
  /** Understood for the sake of old command lines; not in help. */
  readonly old?: boolean;
}

export interface GoFlags {
  readonly fields: Fields;
  /** Everything from the first word on that is no flag. */
  readonly rest: readonly string[];
  readonly help: boolean;
}

/**
 * Reads a command line as Go's `flag` package does: `-name value`, `-name=value`, one dash or two, switches as `-name` or
 * `-name=false`, until the first word that is no flag or `--`. Throws {@link UsageError}.
 */
export function parseGoFlags(words: readonly string[], known: Readonly<Record<string, ToolFlag>>): GoFlags {
  let fields: Fields = {};
  const rest = [...words];
  for (let word = rest[0]; word !== undefined && /^-./.test(word); word = rest[0]) {
    rest.shift();
    if (word === "--") break;
    const [, name = "", , inline] = /^--?([^=]*)(=(.*))?$/s.exec(word) ?? [];
    if (["h", "help"].includes(name)) return { fields, rest, help: true };
    const flag = Object.hasOwn(known, name) ? known[name] : undefined;
    if (flag === undefined) throw new UsageError(unknown(word, name, known));
    const value = inline ?? (flag.value === "" ? "true" : rest.shift());
    if (value === undefined) throw new UsageError(`flag -${name} needs a value (${flag.value})`);
    const reading = flag.read(value);
    if ("value" in reading) fields = flag.apply(fields, reading.value);
    else
      throw new UsageError(`flag -${name}: ${reading.message}${reading.hint === undefined ? "" : `; ${reading.hint}`}`);
  }
  return { fields, rest, help: false };
}

/** Sets `a.b.c`. */
export function set(path: string): ToolFlag["apply"] {
  return (into, value) => {
    const nested = path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
    return isFields(nested) ? mergeFields(into, nested) : into;
  };
}

/** Adds to the list `field`. */
export function add(field: string): ToolFlag["apply"] {
  return (into, value) => mergeFields(into, { [field]: [value] });
}

/** The flags as help lists them. */
export function flagHelp(known: Readonly<Record<string, ToolFlag>>): string {
  return Object.entries(known)
    .filter(([, { old }]) => old !== true)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { value, summary }]) => `  -${name}${value === "" ? "" : `=<${value}>`}\n      ${summary}`)
    .join("\n\n");
}

function unknown(word: string, name: string, known: Readonly<Record<string, ToolFlag>>): string {
  const hint = didYouMean(name, Object.keys(known));
  return `unknown flag ${word}${hint === undefined ? "" : `; ${hint.replace('"', '"-')}`}`;
}
