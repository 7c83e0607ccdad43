import { GoFunction, type CallContext, type GoResult, type Param } from "./value.ts";

/** Functions by the names templates call them by. */
export type FunctionTable = ReadonlyMap<string, GoFunction>;

type Taken<Params extends readonly Param<unknown>[]> = {
  [Index in keyof Params]: Params[Index] extends Param<infer Value> ? Value : never;
};

/** `goFunction([takeString, takeInt], (text, count) => text.repeat(Number(count)))`: arguments come typed. */
export function goFunction<const Params extends readonly Param<unknown>[]>(
  params: Params,
  call: (...args: Taken<Params>) => GoResult,
): GoFunction;
export function goFunction(params: readonly Param<unknown>[], call: (...args: unknown[]) => GoResult): GoFunction {
  return new GoFunction({ params, call: (args) => call(...args) });
}

/** `variadic([takeString], takeAny, ([format], rest) => …)`: fixed arguments, then all further ones. */
export function variadic<const Params extends readonly Param<unknown>[], Rest>(
  params: Params,
  rest: Param<Rest>,
  call: (fixed: Taken<Params>, rest: readonly Rest[], context: CallContext) => GoResult,
): GoFunction;
export function variadic(
  ...[params, rest, call]: [
    readonly Param<unknown>[],
    Param<unknown>,
    (fixed: unknown[], rest: readonly unknown[], context: CallContext) => GoResult,
  ]
): GoFunction {
  return new GoFunction({
    params,
    rest,
    call: (args, context) => call(args.slice(0, params.length), args.slice(params.length), context),
  });
}
