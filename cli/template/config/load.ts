import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import type { BlockTable, Fields } from "#base/language/hcl/decode/table.ts";
import { renderDiagnostics, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { mergeFields } from "./merge.ts";
import { logLevel } from "./readers.ts";
import { configFiles } from "./paths.ts";
import { readFields } from "./read-file.ts";

export interface LoadOptions<T> {
  readonly table: BlockTable;
  readonly schema: v.GenericSchema<unknown, T>;
  /** Where `-config` points, in order. */
  readonly paths: readonly string[];
  /** What flags said: wins over all files. */
  readonly flags: Fields;
  /** What holds where nothing else is said. */
  readonly base?: Fields;
}

/** Files in their order, then flags, then defaults. Throws {@link CodedError} with every mistake shown in its line. */
export function loadToolConfig<T>({ table, schema, paths, flags, base = {} }: LoadOptions<T>): T {
  const diagnostics: Diagnostic[] = [];
  let merged = base;
  for (const source of paths.flatMap(configFiles)) {
    const read = readFields(source, table);
    diagnostics.push(...read.diagnostics);
    merged = mergeFields(merged, read.fields);
  }
  if (diagnostics.length > 0) throw new CodedError("template_config", renderDiagnostics(diagnostics));
  const parsed = v.safeParse(schema, mergeFields(merged, flags));
  if (parsed.success) return parsed.output;
  const issues = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? "the configuration"}: ${issue.message}`);
  throw new CodedError("template_config", issues.join("\n"));
}

/** The log level a variable of the environment asks for. */
export function levelFrom(...texts: readonly (string | undefined)[]): Fields {
  const given = texts.find((text) => text !== undefined && text !== "");
  const read = given === undefined ? undefined : logLevel(given);
  return read !== undefined && "value" in read ? { logLevel: read.value } : {};
}
