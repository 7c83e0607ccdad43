import type { FunctionTable } from "../function.ts";
import type { Node, Tree } from "../parse/node.ts";
import { showNode } from "../parse/show-node.ts";
import { quote } from "../format/quote.ts";
import type { MissingKey } from "../template.ts";
import { byteLength } from "../text.ts";
import type { CallContext, GoValue } from "../value.ts";

/** `undefined`: no value at all (an absent key), which Go keeps apart from a nil inside an interface (`null`). */
export type Evaluated = GoValue | undefined;

/** Where an execution stopped. Thrown inside the evaluator, caught where it began. */
export class ExecFailure extends Error {
  readonly line: number;
  readonly column: number;
  constructor(message: string, at: { readonly line: number; readonly column: number }) {
    super(message);
    this.line = at.line;
    this.column = at.column;
  }
}

/** What a statement says about what follows it. */
export type Signal = "next" | "break" | "continue";

export interface Compiled {
  readonly tree: Tree;
  /** Variables alive anywhere in it, `$` being the first. */
  readonly slots: number;
  readonly run: (frame: Frame) => Signal;
}

export interface RunLimits {
  readonly steps: number;
  readonly output: number;
  readonly depth: number;
}

/** One rendering, from `execute` to its result. */
export interface Run {
  readonly limits: RunLimits;
  readonly missingKey: MissingKey;
  /** Functions that replace those the template was compiled with. */
  readonly functions: FunctionTable | undefined;
  readonly lookup: (name: string) => Compiled | undefined;
  readonly context: CallContext;
  out: string;
  steps: number;
  depth: number;
  pending: boolean;
}

/** One template at work: what Go's evaluator calls its state. */
export class Frame {
  readonly run: Run;
  readonly tree: Tree;
  dot: Evaluated;
  /** Dot came out of an `interface {}` (an element of a list): its own type is hidden in messages. */
  dotBoxed = false;
  readonly variables: Evaluated[];
  readonly boxed: boolean[];
  /** What is being evaluated, for messages. */
  node: Node | undefined;

  constructor(run: Run, compiled: Compiled, dot: Evaluated) {
    this.run = run;
    this.tree = compiled.tree;
    this.dot = dot;
    this.variables = [dot];
    this.boxed = [false];
    for (let slot = 1; slot < compiled.slots; slot++) {
      this.variables.push(undefined);
      this.boxed.push(false);
    }
  }

  /** Go's wording: `template: file:line:column: executing "name" at <node>: message`. */
  fail(message: string): never {
    const { parseName, text, name } = this.tree;
    const before = text.slice(0, this.node?.position ?? 0);
    const start = before.lastIndexOf("\n") + 1;
    const line = before.split("\n").length;
    const column = byteLength(before.slice(start));
    const at = this.node === undefined ? "" : showNode(this.node);
    const where = `${parseName}:${line}:${column}: executing ${quote(name)} at <${at}>`;
    throw new ExecFailure(`template: ${where}: ${message}`, { line, column });
  }

  /** Counts an action or an iteration. */
  step(): void {
    if (++this.run.steps > this.run.limits.steps) {
      this.fail(`more than ${this.run.limits.steps} steps: the template loops too long`);
    }
  }

  write(text: string): void {
    this.run.out += text;
    if (this.run.out.length > this.run.limits.output) {
      this.fail(`more than ${this.run.limits.output} characters of output`);
    }
  }
}
