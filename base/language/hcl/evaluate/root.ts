import type { Complaint } from "../diagnostic.ts";
import type { HclFunction } from "../functions/function.ts";
import type { SourceText } from "../source.ts";
import { evaluate } from "./evaluate.ts";
import { MAX_STEPS, type Scope } from "./scope.ts";
import type { Value } from "./value.ts";

export interface RootOptions {
  readonly source: SourceText;
  readonly complain: (complaint: Complaint) => void;
  readonly functions: ReadonlyMap<string, HclFunction>;
  readonly variables?: ReadonlyMap<string, Value>;
  readonly deferUnknown?: boolean;
  readonly maxSteps?: number | undefined;
}

/** The outermost scope of a file. */
export function rootScope(options: RootOptions): Scope {
  const { source, complain, functions, variables = new Map<string, Value>(), deferUnknown = false } = options;
  return {
    source,
    complain,
    functions,
    variables,
    deferUnknown,
    bound: undefined,
    item: undefined,
    budget: { steps: 0, maxSteps: options.maxSteps ?? MAX_STEPS, reported: false, complain },
    evaluate,
  };
}
