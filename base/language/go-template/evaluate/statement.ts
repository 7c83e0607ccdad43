import { quote } from "../format/quote.ts";
import type { ActionNode, BranchNode, ListNode, Statement, TemplateNode, Tree } from "../parse/node.ts";
import { Frame, type Compiled, type Signal } from "./frame.ts";
import { compilePipeline } from "./pipeline.ts";
import { printedText } from "./print-value.ts";
import { compileRange } from "./range.ts";
import { Scope } from "./scope.ts";
import { isTrue } from "./truth.ts";

export type Execute = (frame: Frame) => Signal;

/** Turns a tree into closures; names of variables become slots once, here. */
export function compileTree(tree: Tree, functionOf: Scope["functionOf"]): Compiled {
  const scope = new Scope(tree, functionOf);
  const run = compileList(scope, tree.root);
  return { tree, slots: scope.slots, run };
}

export function compileList(scope: Scope, list: ListNode): Execute {
  const statements = list.nodes.map((node) => compileStatement(scope, node));
  const [only] = statements;
  if (statements.length === 1 && only !== undefined) return only;
  return (frame) => {
    for (const statement of statements) {
      const signal = statement(frame);
      if (signal !== "next") return signal;
    }
    return "next";
  };
}

function compileStatement(scope: Scope, node: Statement): Execute {
  switch (node.kind) {
    case "text": {
      const { text } = node;
      return (frame) => {
        frame.node = node;
        frame.write(text);
        return "next";
      };
    }
    case "action":
      return compileAction(scope, node);
    case "if":
      return scope.within(() => compileIf(scope, node));
    case "with":
      return scope.within(() => compileWith(scope, node));
    case "range":
      return scope.within(() => compileRange(scope, node, (list) => compileList(scope, list)));
    case "template":
      return compileTemplate(scope, node);
    case "break":
    case "continue":
      return () => node.kind;
    default:
      return node satisfies never;
  }
}

function compileAction(scope: Scope, node: ActionNode): Execute {
  const { evaluate } = compilePipeline(scope, node.pipe);
  const silent = node.pipe.declarations.length > 0;
  return (frame) => {
    frame.node = node;
    frame.step();
    const value = evaluate(frame);
    if (!silent) {
      const text = printedText(frame, value, node);
      frame.node = node;
      frame.write(text);
    }
    return "next";
  };
}

function compileIf(scope: Scope, node: BranchNode): Execute {
  const { evaluate } = compilePipeline(scope, node.pipe);
  const list = scope.within(() => compileList(scope, node.list));
  const otherwise = node.elseList === undefined ? undefined : compileList(scope, node.elseList);
  return (frame) => {
    frame.node = node;
    frame.step();
    if (isTrue(evaluate(frame))) return list(frame);
    return otherwise === undefined ? "next" : otherwise(frame);
  };
}

function compileWith(scope: Scope, node: BranchNode): Execute {
  const { evaluate } = compilePipeline(scope, node.pipe);
  const list = scope.within(() => compileList(scope, node.list));
  const otherwise = node.elseList === undefined ? undefined : compileList(scope, node.elseList);
  return (frame) => {
    frame.node = node;
    frame.step();
    const value = evaluate(frame);
    if (!isTrue(value)) return otherwise === undefined ? "next" : otherwise(frame);
    const { dot, dotBoxed } = frame;
    frame.dot = value;
    frame.dotBoxed = false;
    const signal = list(frame);
    frame.dot = dot;
    frame.dotBoxed = dotBoxed;
    return signal;
  };
}

/** Another template at this place, with a dot and variables of its own. */
function compileTemplate(scope: Scope, node: TemplateNode): Execute {
  const evaluate = node.pipe === undefined ? undefined : compilePipeline(scope, node.pipe).evaluate;
  return (frame) => {
    frame.node = node;
    frame.step();
    const { run } = frame;
    const target = run.lookup(node.name) ?? frame.fail(`template ${quote(node.name)} not defined`);
    if (run.depth >= run.limits.depth) frame.fail(`exceeded maximum template depth (${run.limits.depth})`);
    const dot = evaluate?.(frame);
    run.depth++;
    target.run(new Frame(run, target, dot));
    run.depth--;
    return "next";
  };
}
