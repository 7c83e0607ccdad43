import { builtins } from "./evaluate/builtin/builtins.ts";
import { quote } from "./format/quote.ts";
import { ExecFailure, Frame, type Compiled, type Run, type RunLimits } from "./evaluate/frame.ts";
import { compileTree } from "./evaluate/statement.ts";
import { ParseFailure } from "./parse/failure.ts";
import type { Tree } from "./parse/node.ts";
import { isEmpty, Parser } from "./parse/parser.ts";
import type {
  ExecuteOptions,
  ParseOptions,
  Rendered,
  RenderLimits,
  Template,
  TemplateFailure,
  TemplateSource,
} from "./template.ts";
import { normalizeText } from "./text.ts";
import { GoError, type CallContext, type GoFunction, type GoValue } from "./value.ts";

const defaultLimits: RunLimits = { steps: 5_000_000, output: 64 * 1024 * 1024, depth: 1000 };

export type ParsedTemplate = { readonly ok: true; readonly template: Template };

/** Parses a file, and those it shares templates with, into a set that can be executed. */
export function parseTemplate(options: ParseOptions): ParsedTemplate | TemplateFailure {
  const trees = new Map<string, Tree>();
  for (const source of [...(options.associated ?? []), options]) {
    const failure = parseSource(source, { options, trees });
    if (failure !== undefined) return failure;
  }
  return { ok: true, template: new TemplateSet(options, trees) };
}

function parseSource(
  source: TemplateSource,
  { options, trees }: { readonly options: ParseOptions; readonly trees: Map<string, Tree> },
): TemplateFailure | undefined {
  const own = new Map<string, Tree>();
  const hasFunction = (name: string): boolean => options.functions?.has(name) === true || builtins.has(name);
  const delimiters = { leftDelim: options.leftDelim || "{{", rightDelim: options.rightDelim || "}}" };
  try {
    new Parser({ name: source.name, text: source.text, ...delimiters, hasFunction }, own).parse();
  } catch (error) {
    if (!(error instanceof ParseFailure)) throw error;
    return { ok: false, message: error.message, name: source.name, line: error.line, column: undefined };
  }
  for (const [name, tree] of own) {
    // A file that only defines templates must not empty one of the same name from another file.
    if (!trees.has(name) || !isEmpty(tree.root)) trees.set(name, tree);
  }
  return undefined;
}

class TemplateSet implements Template {
  readonly name: string;
  readonly defined: readonly string[];
  readonly #options: ParseOptions;
  readonly #trees: ReadonlyMap<string, Tree>;
  readonly #compiled = new Map<string, Compiled>();

  constructor(options: ParseOptions, trees: ReadonlyMap<string, Tree>) {
    this.name = options.name;
    this.#options = options;
    this.#trees = trees;
    this.defined = [...trees.keys()].toSorted();
  }

  execute(data: GoValue, options: ExecuteOptions = {}): Rendered | TemplateFailure {
    const name = options.name ?? this.name;
    const compiled = this.#lookup(name);
    if (compiled === undefined) {
      return this.#failure(`template: no template ${quote(name)} associated with template ${quote(this.name)}`);
    }
    const run = this.#newRun(options);
    try {
      // nil data is no value at all, as it is to Go.
      compiled.run(new Frame(run, compiled, data ?? undefined));
    } catch (error) {
      return this.#explain(error);
    }
    return { ok: true, text: normalizeText(run.out), pending: run.pending };
  }

  #newRun(options: ExecuteOptions): Run {
    const context: CallContext = { render: (name, data) => this.#render(run, name, data) };
    const run: Run = {
      limits: withDefaults(options.limits),
      missingKey: this.#options.missingKey ?? "default",
      functions: options.functions,
      lookup: (name) => this.#lookup(name),
      context,
      out: "",
      steps: 0,
      depth: 0,
      pending: false,
    };
    return run;
  }

  /** For functions that render a template: into a text of its own, under the same limits. */
  #render(run: Run, name: string, data: GoValue): string | GoError {
    const compiled = this.#lookup(name);
    if (compiled === undefined) return new GoError(`template ${quote(name)} not defined`);
    if (run.depth >= run.limits.depth) return new GoError(`exceeded maximum template depth (${run.limits.depth})`);
    const outer = run.out;
    run.out = "";
    run.depth++;
    try {
      compiled.run(new Frame(run, compiled, data ?? undefined));
      return run.out;
    } catch (error) {
      if (!(error instanceof ExecFailure)) throw error;
      return new GoError(error.message);
    } finally {
      run.depth--;
      run.out = outer;
    }
  }

  #lookup(name: string): Compiled | undefined {
    const known = this.#compiled.get(name);
    const tree = this.#trees.get(name);
    if (known !== undefined || tree === undefined) return known;
    const compiled = compileTree(tree, (each) => this.#functionOf(each));
    this.#compiled.set(name, compiled);
    return compiled;
  }

  #functionOf(name: string): { readonly fn: GoFunction; readonly builtin: boolean } | undefined {
    const own = this.#options.functions?.get(name);
    if (own !== undefined) return { fn: own, builtin: false };
    const fn = builtins.get(name);
    return fn === undefined ? undefined : { fn, builtin: true };
  }

  #explain(error: unknown): TemplateFailure {
    if (error instanceof ExecFailure) {
      return { ok: false, message: error.message, name: this.name, line: error.line, column: error.column };
    }
    // The stack (values or blocks nested too deep) or the longest string of the host.
    if (error instanceof RangeError)
      return this.#failure(`template: ${this.name}: too deep or too long: ${error.message}`);
    throw error;
  }

  #failure(message: string): TemplateFailure {
    return { ok: false, message, name: this.name, line: undefined, column: undefined };
  }
}

function withDefaults(limits: RenderLimits | undefined): RunLimits {
  return {
    steps: limits?.steps ?? defaultLimits.steps,
    output: limits?.output ?? defaultLimits.output,
    depth: limits?.depth ?? defaultLimits.depth,
  };
}
