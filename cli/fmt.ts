import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import { formatHcl } from "#base/language/hcl/format/format.ts";
import type { Invocation } from "./command/command.ts";

const EXTENSIONS = [".hcl", ".nomad"];

/**
 * Lays files out in the usual way: `PATH…` are files or folders (without one: this folder), `-` reads standard input and
 * writes standard output. Exit code 0: done, or with `-check` nothing was to do; 1: a file has mistakes, or `-check` found
 * one that would change.
 */
export async function fmt({ operands, flags, output }: Invocation): Promise<number> {
  if (operands.length === 1 && operands[0] === "-") {
    const text = readText(0, "standard input");
    const { formatted, mistakes } = format(text, "stdin");
    if (formatted === undefined) output.error(mistakes);
    else if (flags.on("check")) return formatted === text ? 0 : 1;
    else output.write(formatted);
    return formatted === undefined ? 1 : 0;
  }
  const paths = operands.length === 0 ? ["."] : operands;
  const check = flags.on("check");
  const isWritten = !check && flags.value("write") !== "false";
  let code = 0;
  for (const file of paths.flatMap((path) => filesIn(path, flags.on("recursive")))) {
    const text = readText(file, file);
    const { formatted, mistakes } = format(text, file);
    if (formatted === undefined) {
      output.error(mistakes);
      code = 1;
    } else if (formatted !== text) {
      if (flags.value("list") !== "false") output.line(file);
      if (isWritten) writeFileSync(file, formatted);
      if (check) code = 1;
    }
  }
  return code;
}

function format(text: string, name: string): { readonly formatted: string | undefined; readonly mistakes: string } {
  const result = formatHcl({ name, text });
  return result.ok
    ? { formatted: result.text, mistakes: "" }
    : { formatted: undefined, mistakes: renderDiagnostics(result.diagnostics) };
}

/** A file as it is; of a folder the files that are HCL by their names. Hidden folders are left out. */
function filesIn(path: string, recursive: boolean): readonly string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new CodedError("unreadable", `there is no file or folder ${path}`);
  if (!found.isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) return recursive && !entry.name.startsWith(".") ? filesIn(inner, true) : [];
      return entry.isFile() && EXTENSIONS.some((extension) => entry.name.endsWith(extension)) ? [inner] : [];
    });
}

function readText(file: string | 0, name: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CodedError("unreadable", `cannot read ${name}: ${messageOf(error)}`);
  }
}
