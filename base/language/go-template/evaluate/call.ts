import type { Node } from "../parse/node.ts";
import { GoError, GoPending, type GoFunction, type GoResult } from "../value.ts";
import { takeValue, type Argument } from "./argument.ts";
import type { Evaluated, Frame } from "./frame.ts";

/** One call as it is written. */
export interface CallSite {
  /** Of the function, in messages. */
  readonly name: string;
  /** What a failing call is blamed on. */
  readonly node: Node;
  readonly args: readonly Argument[];
  /** A value arrives through the pipe and is the last argument. */
  readonly piped: boolean;
}

/** Checks the arguments against the signature, calls, and makes an error of the function the template's. */
export function callFunction(
  frame: Frame,
  fn: GoFunction,
  call: { readonly site: CallSite; readonly final: Evaluated },
): Evaluated {
  const taken = takeArguments(frame, fn, call);
  return settle(frame, call.site, fn.call(taken, frame.run.context));
}

export function settle(frame: Frame, site: CallSite, result: GoResult | undefined): Evaluated {
  if (result instanceof GoError) {
    frame.node = site.node;
    return frame.fail(`error calling ${site.name}: ${result.message}`);
  }
  if (result instanceof GoPending) {
    frame.run.pending = true;
    return result.zero;
  }
  return result;
}

export function takeArguments(
  frame: Frame,
  fn: GoFunction,
  { site, final }: { readonly site: CallSite; readonly final: Evaluated },
): unknown[] {
  const { args, piped, name } = site;
  const fixed = fn.params.length;
  const count = args.length + (piped ? 1 : 0);
  if (fn.rest === undefined ? count !== fixed : count < fixed) {
    const [least, got] = fn.rest === undefined ? ["", count] : ["at least ", args.length];
    frame.fail(`wrong number of args for ${name}: want ${least}${fixed} got ${got}`);
  }
  const taken: unknown[] = [];
  let index = 0;
  for (const arg of args) {
    const param = fn.params[index++] ?? fn.rest;
    if (param !== undefined) taken.push(arg.take(frame, param));
  }
  const last = fn.params[args.length] ?? fn.rest;
  if (piped && last !== undefined) taken.push(takeValue(frame, final, last));
  return taken;
}
