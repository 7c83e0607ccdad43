import { integerOf, typeOf } from "../../type-of.ts";
import { isNilable, type GoType } from "../../type.ts";
import { GoError, GoFunction, GoInteger, type GoResult, type GoValue, type Param } from "../../value.ts";
import type { CallSite } from "../call.ts";
import type { Evaluated, Frame } from "../frame.ts";

export interface CallUse {
  readonly site: CallSite;
  readonly final: Evaluated;
  /** How the function is written, for messages. */
  readonly callee: string;
}

/** `call .fn 1 2`: the first argument is the function. */
export function callBuiltinCall(frame: Frame, { site, final, callee }: CallUse): GoResult | undefined {
  const values = site.args.map((arg) => arg.raw(frame));
  if (site.piped) values.push(final);
  if (values.length === 0) frame.fail("wrong number of args for call: want at least 1 got 0");
  const [fn, ...args] = values;
  if (fn === undefined || fn === null) return new GoError("call of nil");
  if (!(fn instanceof GoFunction)) return new GoError(`non-function ${callee} of type ${typeOf(fn).name}`);
  const fixed = fn.params.length;
  if (fn.rest === undefined ? args.length !== fixed : args.length < fixed) {
    const want = `want ${fn.rest === undefined ? "" : "at least "}${fixed}`;
    return new GoError(`wrong number of args for ${callee}: got ${args.length} ${want}`);
  }
  const taken: unknown[] = [];
  for (const [index, arg] of args.entries()) {
    const prepared = prepare(arg, fn.params[index] ?? fn.rest);
    if (prepared instanceof GoError) return new GoError(`arg ${index}: ${prepared.message}`);
    taken.push(prepared);
  }
  return fn.call(taken, frame.run.context);
}

/** Integers of one type serve for another here, which they do not in plain calls. */
function prepare(value: Evaluated, param: Param<unknown> | undefined): unknown {
  if (param === undefined) return value;
  const { type } = param;
  if (value === undefined || value === null) {
    return isNilable(type) ? param.take(null) : new GoError(`value is nil; should be of type ${type.name}`);
  }
  const taken = param.take(value) ?? param.take(convertInteger(value, type) ?? value);
  return taken ?? new GoError(`value has type ${typeOf(value).name}; should be ${type.name}`);
}

function convertInteger(value: GoValue, type: GoType): GoValue | undefined {
  const number = integerOf(value);
  if (number === undefined || !/^u?int(?:8|16|32|64)?$/.test(type.kind)) return undefined;
  const bits = Number(/\d+$/.exec(type.kind)?.[0] ?? 64);
  const wrapped = type.kind.startsWith("u") ? BigInt.asUintN(bits, number) : BigInt.asIntN(bits, number);
  return type.kind === "int" ? wrapped : new GoInteger(type, wrapped);
}
