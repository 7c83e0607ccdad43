import { all, ANY, f0, f1, STRING } from "#base/language/go-template/functions/define.ts";
import type { FunctionTable } from "#base/language/go-template/function.ts";
import { GoError, type GoFunction } from "#base/language/go-template/value.ts";
import { collectionFunctions } from "#base/language/go-template/functions/helper/collection-functions.ts";
import { mathFunctions } from "#base/language/go-template/functions/helper/math-functions.ts";
import { parseFunctions } from "#base/language/go-template/functions/helper/parse-functions.ts";
import { textFunctions } from "#base/language/go-template/functions/helper/text-functions.ts";
import { sprigFunctions } from "#base/language/go-template/functions/sprig/sprig-functions.ts";
import { consulFunctions } from "./api-functions.ts";
import { certificateFunctions } from "./certificate-functions.ts";
import { chanceFunctions } from "./chance-functions.ts";
import { groupingFunctions } from "./grouping-functions.ts";
import { hostFunctions, type TemplateHost } from "./host-functions.ts";
import { nomadFunctions } from "./nomad-functions.ts";
import { createScratch } from "./scratch.ts";
import type { Sources } from "./sources.ts";
import { vaultFunctions } from "./vault-functions.ts";

export interface FunctionOptions {
  readonly host: TemplateHost;
  readonly sources: Sources;
  /** The namespace of Nomad variables whose path names none. */
  readonly namespace: string;
  /** The file a template is rendered into: certificates are kept there. */
  readonly destination: string;
  /** Names of functions that only give an error. */
  readonly denylist: readonly string[];
}

/**
 * All functions of a consul-template template but the language's own, for one rendering (each has a scratch of its
 * own). sprig's begin with `sprig_`.
 */
export function createFunctions(options: FunctionOptions): FunctionTable {
  const { host, sources } = options;
  const scratch = createScratch();
  const own = [
    ...textFunctions,
    ...parseFunctions,
    ...collectionFunctions,
    ...mathFunctions,
    ...groupingFunctions,
    ...consulFunctions(sources),
    ...nomadFunctions(sources, options.namespace),
    ...vaultFunctions(sources, options.destination),
    ...hostFunctions(host, sources),
    f0("scratch", () => scratch),
  ];
  const sprig = [
    ...sprigFunctions(host),
    ...chanceFunctions(host.random),
    ...certificateFunctions(host),
    f1("env", [STRING], (name) => host.variable(name) ?? ""),
    f1("expandenv", [STRING], (text) => expand(text, host.variable)),
  ].map((defined) => ({ ...defined, name: `sprig_${defined.name}` }));
  const table = new Map([...own, ...sprig].map(({ name, value }): [string, GoFunction] => [name, value]));
  for (const name of options.denylist) if (table.has(name)) table.set(name, denied());
  return table;
}

function denied(): GoFunction {
  return all("", ANY, () => new GoError("function is disabled")).value;
}

/** `os.ExpandEnv`: `$NAME` and `${NAME}`. */
function expand(text: string, variable: TemplateHost["variable"]): string {
  return text.replaceAll(
    /\$(?:\{([^}]*)\}|(\w+))/g,
    (_, braced: string | undefined, bare: string | undefined) => variable(braced ?? bare ?? "") ?? "",
  );
}
