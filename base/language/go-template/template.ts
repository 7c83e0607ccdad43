import type { FunctionTable } from "./function.ts";
import type { GoValue } from "./value.ts";

/** What an absent key of a map gives: `<no value>` (default, also called `invalid`), the element type's zero, an error. */
export type MissingKey = "default" | "zero" | "error";

export interface TemplateSource {
  /** As errors name it: `template: NAME:3:7: …`. */
  readonly name: string;
  readonly text: string;
}

export interface ParseOptions extends TemplateSource {
  /** Parsed first, in order, into the same set: their `define`s can be called. */
  readonly associated?: readonly TemplateSource[];
  /** Default `{{`. */
  readonly leftDelim?: string;
  /** Default `}}`. */
  readonly rightDelim?: string;
  /** On top of Go's built-in functions, and before them. */
  readonly functions?: Pick<FunctionTable, "has" | "get">;
  readonly missingKey?: MissingKey;
}

/** What one rendering may use. */
export interface RenderLimits {
  /** Actions run, iterations started; default 5 million. */
  readonly steps?: number;
  /** Length of the output in UTF-16 units; default 64 Mi. */
  readonly output?: number;
  /** Templates calling templates; default 1,000. */
  readonly depth?: number;
}

export interface ExecuteOptions {
  /** Another template of the set. */
  readonly name?: string;
  readonly limits?: RenderLimits;
  /** In place of functions of the same names and signatures the template was parsed with: what belongs to one rendering. */
  readonly functions?: FunctionTable;
}

export interface Rendered {
  readonly ok: true;
  readonly text: string;
  /** A function's answer is not there yet (`GoPending`): the text is not to be used. */
  readonly pending: boolean;
}

/** In Go's wording; line from 1, column from 0 in bytes (as Go counts; parse errors have none). */
export interface TemplateFailure {
  readonly ok: false;
  readonly message: string;
  readonly name: string;
  readonly line: number | undefined;
  readonly column: number | undefined;
}

export interface Template {
  readonly name: string;
  /** All of the set, sorted. */
  readonly defined: readonly string[];
  /** The same template may be executed any number of times. */
  execute(data: GoValue, options?: ExecuteOptions): Rendered | TemplateFailure;
}
