import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import type { BlockTable, Fields } from "#base/language/hcl/decode/table.ts";
import { renderDiagnostics, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { mergeFields } from "./merge.ts";
import { configFiles } from "./paths.ts";
import { logLevel } from "./readers.ts";
import { readFields } from "./read-file.ts";

export interface LoadOptions<T> {
  readonly table: BlockTable;
  readonly schema: v.GenericSchema<unknown, T>;
  /** Where `-config` points, in order. */
  readonly paths: readonly string[];
  /** What flags said: wins over all files. */
  readonly flags: Fields;
  /** What the environment says where nothing else does. */
  readonly logLevel?: string | undefined;
}

/** Files in their order, then flags, then defaults. Throws {@link CodedError} with every mistake shown in its line. */
export function loadToolConfig<T>({ table, schema, paths, flags, logLevel: level }: LoadOptions<T>): T {
  const diagnostics: Diagnostic[] = [];
  const said = level === undefined ? undefined : logLevel(level);
  let merged: Fields = said !== undefined && "value" in said ? { logLevel: said.value } : {};
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
