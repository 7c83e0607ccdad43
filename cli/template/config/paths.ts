import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { CodedError } from "#base/env/errors.ts";
import type { SourceText } from "#base/language/hcl/source.ts";

/** A file, or every file below a folder in the order of the names; links inside are not followed. Throws when it cannot be read. */
export function configFiles(path: string): readonly SourceText[] {
  try {
    return statSync(path).isDirectory() ? below(path) : [{ name: path, text: readFileSync(path, "utf8") }];
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CodedError("template_config", `cannot read the configuration ${path}: ${code}`);
  }
}

function below(folder: string): readonly SourceText[] {
  return readdirSync(folder)
    .toSorted()
    .flatMap((name) => {
      const path = join(folder, name);
      const found = lstatSync(path);
      if (found.isDirectory()) return below(path);
      return found.isFile() ? [{ name: path, text: readFileSync(path, "utf8") }] : [];
    });
}
