import { fail, succeed, type Result } from "#base/env/errors.ts";
import { parseTemplate } from "#base/language/go-template/parse-templates.ts";
import type { RenderLimits, TemplateFailure } from "#base/language/go-template/template.ts";
import type { FunctionTable } from "#base/language/go-template/function.ts";
import type { GoFunction, GoValue } from "#base/language/go-template/value.ts";
import { dependencyKey, type Dependency } from "./dependencies/dependency.ts";
import type { Pass } from "./engine/template-unit.ts";
import { createFunctions } from "./functions/function-table.ts";
import type { FileWrite, TemplateHost } from "./functions/host-functions.ts";

export interface CompileOptions {
  /** As errors name it. */
  readonly name: string;
  readonly text: string;
  /** Empty: `{{` and `}}`. */
  readonly leftDelim: string;
  readonly rightDelim: string;
  readonly errorOnMissingKey: boolean;
  /** Functions that only give an error. */
  readonly denylist: readonly string[];
  /** The file it is rendered into. */
  readonly destination: string;
  /** Of Nomad variables whose path names none. */
  readonly namespace: string;
  readonly host: Omit<TemplateHost, "write">;
  /** Where a path that `file` names really is; default: as it stands. */
  readonly resolvePath?: (path: string) => string;
  readonly limits?: RenderLimits;
}

/** A template of consul-template's language. */
export interface CompiledTemplate {
  readonly render: (known: (key: string) => { readonly value: GoValue } | undefined) => Pass<Dependency>;
  /** The last failure of a rendering, with its place. */
  readonly failure: () => TemplateFailure | undefined;
  /** Files that the last complete rendering wants written beside its own. */
  readonly writes: () => readonly FileWrite[];
}

/** What a template may write by `writeToFile` in one rendering. */
const MAX_WRITES = 1000;

/** Reads a template; what is wrong is said with its line. */
export function compileTemplate(
  options: CompileOptions,
): Result<CompiledTemplate> & { readonly failure?: TemplateFailure } {
  const functionsFor = (recall: (dependency: Dependency) => GoValue | undefined, write: TemplateHost["write"]) =>
    createFunctions({ ...options, host: { ...options.host, write }, sources: { recall } });
  const known = new UsedFunctions(
    functionsFor(
      () => undefined,
      () => {},
    ),
  );
  const parsed = parseTemplate({
    ...options,
    missingKey: options.errorOnMissingKey ? "error" : "default",
    functions: known,
  });
  known.settle();
  if (!parsed.ok) return { ...fail("template", parsed.message), failure: parsed };
  let failure: TemplateFailure | undefined;
  let writes: readonly FileWrite[] = [];
  const render: CompiledTemplate["render"] = (known) => {
    const asked = new Map<string, Dependency>();
    const missing: string[] = [];
    const wanted: FileWrite[] = [];
    const recall = (named: Dependency): GoValue | undefined => {
      const dependency = placed(named, options);
      const key = dependencyKey(dependency);
      const answer = known(key);
      if (!asked.has(key) && answer === undefined) missing.push(key);
      asked.set(key, dependency);
      return answer?.value;
    };
    const functions = functionsFor(recall, (file) => void (wanted.length < MAX_WRITES && wanted.push(file)));
    const rendered = parsed.template.execute(null, {
      functions,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    if (!rendered.ok) {
      failure = rendered;
      return { text: "", asked, pending: missing, failure: rendered.message };
    }
    failure = undefined;
    // An answer that is there may still be refused (`safeLs` of nothing).
    const pending = rendered.pending && missing.length === 0 ? [...asked.keys()] : missing;
    if (pending.length === 0) writes = wanted;
    return { text: rendered.text, asked, pending };
  };
  return succeed({ render, failure: () => failure, writes: () => writes });
}

/** Of all functions only those that a template names are kept with it: there are hundreds, and templates by the thousand. */
class UsedFunctions {
  readonly #used = new Map<string, GoFunction>();
  #all: FunctionTable | undefined;

  constructor(all: FunctionTable) {
    this.#all = all;
  }

  has(name: string): boolean {
    const found = this.#all?.get(name);
    if (found !== undefined) this.#used.set(name, found);
    return this.#used.has(name);
  }

  get(name: string): GoFunction | undefined {
    return this.#used.get(name);
  }

  /** Everything was asked for. */
  settle(): void {
    this.#all = undefined;
  }
}

function placed(dependency: Dependency, { resolvePath }: CompileOptions): Dependency {
  if (dependency.kind !== "file" || resolvePath === undefined) return dependency;
  return { ...dependency, path: resolvePath(dependency.path) };
}
