import type { ChainNode, CommandNode, Expression, IdentifierNode, PipeNode } from "../parse/node.ts";
import { quote } from "../format/quote.ts";
import { showNode } from "../parse/show-node.ts";
import { isMap } from "../type-of.ts";
import { constantArgument, idealConstant, takeValue, type Argument } from "./argument.ts";
import { callBuiltinCall } from "./builtin/call.ts";
import { callFunction, settle, type CallSite } from "./call.ts";
import { walkFields, type Receiver } from "./field.ts";
import type { Evaluated, Frame } from "./frame.ts";
import type { Scope } from "./scope.ts";
import { isTrue } from "./truth.ts";

export type Evaluate = (frame: Frame) => Evaluated;

/** A command; `final` is what the pipe brings, if it is not the first. */
type Command = (frame: Frame, final: Evaluated) => Evaluated;

export interface Pipeline {
  readonly evaluate: Evaluate;
  /** Slots of the variables it declares or assigns. */
  readonly slots: readonly number[];
}

/** Variables it declares are known from here on. */
export function compilePipeline(scope: Scope, pipe: PipeNode): Pipeline {
  const commands = pipe.commands.map((command, index) => compileCommand(scope, command, index > 0));
  const targets = pipe.declarations.map(({ name }) => ({
    name,
    slot: pipe.assigns ? scope.find(name) : scope.declare(name),
  }));
  const run = chainCommands(pipe, commands);
  if (targets.length === 0) return { evaluate: run, slots: [] };
  const evaluate: Evaluate = (frame) => {
    const value = run(frame);
    for (const { name, slot } of targets) {
      if (slot === undefined) frame.fail(`undefined variable: ${name}`);
      else setVariable(frame, slot, value);
    }
    return value;
  };
  return { evaluate, slots: targets.flatMap(({ slot }) => (slot === undefined ? [] : [slot])) };
}

export function setVariable(frame: Frame, slot: number, value: Evaluated): void {
  frame.variables[slot] = value;
  frame.boxed[slot] = false;
}

/** A nil in an interface is no value any more once it leaves a command. */
function chainCommands(pipe: PipeNode, commands: readonly Command[]): Evaluate {
  const [first, ...rest] = commands;
  if (first === undefined) return () => undefined;
  if (rest.length === 0) {
    return (frame) => {
      frame.node = pipe;
      return first(frame, undefined) ?? undefined;
    };
  }
  return (frame) => {
    frame.node = pipe;
    let value = first(frame, undefined) ?? undefined;
    for (const command of rest) value = command(frame, value) ?? undefined;
    return value;
  };
}

function compileCommand(scope: Scope, command: CommandNode, piped: boolean): Command {
  const { first, rest } = command;
  switch (first.kind) {
    case "field":
    case "chain":
    case "variable":
      return compileFields(scope, first, { rest, piped });
    case "identifier":
      return compileCall(scope, first, { rest, piped, node: command });
    case "pipe": {
      const inner = compilePipeline(scope, first).evaluate;
      return rest.length > 0 || piped ? notAFunction(first) : inner;
    }
    default:
      return rest.length > 0 || piped ? notAFunction(first) : compileConstant(first);
  }
}

function notAFunction(node: Expression): Command {
  return (frame) => {
    if (node.kind !== "pipe") frame.node = node;
    return frame.fail(`can't give argument to non-function ${showNode(node)}`);
  };
}

function compileConstant(
  node: Extract<Expression, { readonly kind: "bool" | "number" | "string" | "dot" | "nil" }>,
): Evaluate {
  if (node.kind === "dot") {
    return (frame) => {
      frame.node = node;
      return frame.dot;
    };
  }
  return (frame) => {
    frame.node = node;
    return node.kind === "nil" ? frame.fail("nil is not a command") : idealConstant(frame, node);
  };
}

interface Use {
  readonly rest: readonly Expression[];
  readonly piped: boolean;
}

type Fields = Extract<Expression, { readonly kind: "field" | "chain" | "variable" }>;

function compileFields(scope: Scope, node: Fields, { rest, piped }: Use): Command {
  const start = compileReceiver(scope, node);
  const { fields } = node;
  if (rest.length === 0 && !piped) return plainFields(node, start);
  if (fields.length === 0) return notAFunction(node);
  const site: CallSite = { name: "", node, args: rest.map((each) => compileArgument(scope, each)), piped };
  return (frame, final) => walkFields(frame, start(frame), { names: fields, site, final });
}

/** The common case: no arguments, so keys of maps are looked up directly. */
function plainFields(node: Fields, start: (frame: Frame) => Receiver): Command {
  const { fields } = node;
  const path = { names: fields, site: undefined, final: undefined };
  const [name] = fields;
  if (node.kind === "field" && fields.length === 1 && name !== undefined) {
    return (frame) => {
      frame.node = node;
      const found = isMap(frame.dot) ? frame.dot.get(name) : undefined;
      return found === undefined ? walkFields(frame, start(frame), path) : found;
    };
  }
  return (frame) => walkFields(frame, start(frame), path);
}

function compileReceiver(scope: Scope, node: Fields): (frame: Frame) => Receiver {
  if (node.kind === "field") {
    return (frame) => {
      frame.node = node;
      return { value: frame.dot, boxed: frame.dotBoxed };
    };
  }
  if (node.kind === "variable") {
    const slot = scope.find(node.name);
    return (frame) => {
      frame.node = node;
      if (slot === undefined) return frame.fail(`undefined variable: ${node.name}`);
      return { value: frame.variables[slot], boxed: frame.boxed[slot] === true };
    };
  }
  return compileChainStart(scope, node);
}

function compileChainStart(scope: Scope, chain: ChainNode): (frame: Frame) => Receiver {
  const inner = compileExpression(scope, chain.node);
  return (frame) => {
    frame.node = chain;
    frame.node = chain.node;
    return { value: inner(frame), boxed: false };
  };
}

/** An operand as an argument without a type of its own. */
function compileExpression(scope: Scope, node: Expression): Evaluate {
  switch (node.kind) {
    case "pipe":
      return compilePipeline(scope, node).evaluate;
    case "identifier": {
      const command = compileCall(scope, node, { rest: [], piped: false, node });
      return (frame) => command(frame, undefined);
    }
    case "field":
    case "variable":
    case "chain": {
      const command = compileFields(scope, node, { rest: [], piped: false });
      return (frame) => command(frame, undefined);
    }
    default:
      return compileConstant(node);
  }
}

export function compileArgument(scope: Scope, node: Expression): Argument {
  const constant = constantArgument(node);
  if (constant !== undefined) return constant;
  const evaluate = compileExpression(scope, node);
  const raw: Evaluate = (frame) => {
    frame.node = node;
    return evaluate(frame);
  };
  return { raw, take: (frame, param) => takeValue(frame, raw(frame), param) };
}

function compileCall(scope: Scope, node: IdentifierNode, use: Use & { readonly node: CallSite["node"] }): Command {
  const found = scope.functionOf(node.name);
  const args = use.rest.map((each) => compileArgument(scope, each));
  const site: CallSite = { name: node.name, node: use.node, args, piped: use.piped };
  if (found === undefined) {
    return (frame) => {
      frame.node = node;
      return frame.fail(`${quote(node.name)} is not a defined function`);
    };
  }
  if (found.builtin && (node.name === "and" || node.name === "or")) return shortCircuit(node, site);
  if (found.builtin && node.name === "call") {
    const callee = use.rest[0];
    return (frame, final) => {
      frame.node = node;
      const result = callBuiltinCall(frame, { site, final, callee: callee === undefined ? "" : showNode(callee) });
      return settle(frame, site, result);
    };
  }
  const { name } = node;
  return (frame, final) => {
    frame.node = node;
    const fn = frame.run.functions?.get(name) ?? found.fn;
    return callFunction(frame, fn, { site, final });
  };
}

/** `and` and `or` stop at the first argument that decides. */
function shortCircuit(node: IdentifierNode, site: CallSite): Command {
  const stop = node.name === "or";
  return (frame, final) => {
    frame.node = node;
    if (site.args.length === 0 && !site.piped)
      frame.fail(`wrong number of args for ${node.name}: want at least 1 got 0`);
    let value: Evaluated;
    for (const arg of site.args) {
      value = arg.raw(frame);
      if (isTrue(value) === stop) return value;
    }
    return site.piped ? final : value;
  };
}
