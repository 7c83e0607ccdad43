import { toFlag, toNumber, toText } from "../evaluate/convert.ts";
import { isList, isMap, typeName, type Value, type ValueMap } from "../evaluate/value.ts";

export type Outcome =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly message: string; readonly argument?: number };

/** A function over values. It checks its own arguments. */
export type HclFunction = (values: readonly Value[]) => Outcome;

/** How an argument is read; undefined when the value does not fit. */
export interface Parameter<T> {
  readonly expected: string;
  readonly read: (value: Value) => T | undefined;
}

export const text: Parameter<string> = { expected: "a string", read: toText };
export const number: Parameter<number> = { expected: "a number", read: toNumber };
export const whole: Parameter<number> = {
  expected: "a whole number",
  read: (value) => {
    const found = toNumber(value);
    return found !== undefined && Number.isSafeInteger(found) ? found : undefined;
  },
};
export const flag: Parameter<boolean> = { expected: "a bool", read: toFlag };
export const any: Parameter<Value> = { expected: "a value", read: (value) => value };
export const list: Parameter<readonly Value[]> = {
  expected: "a list",
  read: (value) => (isList(value) ? value : undefined),
};
export const map: Parameter<ValueMap> = { expected: "an object", read: (value) => (isMap(value) ? value : undefined) };
export const texts: Parameter<readonly string[]> = {
  expected: "a list of strings",
  read: (value) => {
    if (!isList(value)) return undefined;
    const read = value.map(toText);
    return read.every((item) => item !== undefined) ? read : undefined;
  },
};

/** What a function gives back: a value, or why there is none. */
export class Fault {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}
export type Given = Value | Fault;

export function none(run: () => Given): HclFunction {
  return (values) => counted(values, 0) ?? finish(run());
}

export function one<A>(a: Parameter<A>, run: (a: A) => Given): HclFunction {
  return (values) => {
    const wrong = counted(values, 1);
    if (wrong !== undefined) return wrong;
    const first = a.read(values[0] ?? null);
    return first === undefined ? misfit(values, 0, a.expected) : finish(run(first));
  };
}

export function two<A, B>(a: Parameter<A>, b: Parameter<B>, run: (a: A, b: B) => Given): HclFunction {
  return (values) => {
    const wrong = counted(values, 2);
    if (wrong !== undefined) return wrong;
    const first = a.read(values[0] ?? null);
    const second = b.read(values[1] ?? null);
    if (first === undefined) return misfit(values, 0, a.expected);
    return second === undefined ? misfit(values, 1, b.expected) : finish(run(first, second));
  };
}

export interface Three<A, B, C> {
  readonly a: Parameter<A>;
  readonly b: Parameter<B>;
  readonly c: Parameter<C>;
  readonly run: (a: A, b: B, c: C) => Given;
}

export function three<A, B, C>(of: Three<A, B, C>): HclFunction {
  return (values) => {
    const wrong = counted(values, 3);
    if (wrong !== undefined) return wrong;
    const first = of.a.read(values[0] ?? null);
    const second = of.b.read(values[1] ?? null);
    const third = of.c.read(values[2] ?? null);
    if (first === undefined) return misfit(values, 0, of.a.expected);
    if (second === undefined) return misfit(values, 1, of.b.expected);
    return third === undefined ? misfit(values, 2, of.c.expected) : finish(of.run(first, second, third));
  };
}

/** Any number of arguments of one kind. */
export function many<A>(a: Parameter<A>, run: (all: readonly A[]) => Given, atLeast = 0): HclFunction {
  return (values) => {
    if (values.length < atLeast) return { ok: false, message: `expected at least ${count(atLeast)}` };
    const all: A[] = [];
    for (const [index, value] of values.entries()) {
      const read = a.read(value);
      if (read === undefined) return misfit(values, index, a.expected);
      all.push(read);
    }
    return finish(run(all));
  };
}

/** One argument, then any number of another kind. */
export function oneAndMany<A, B>(
  a: Parameter<A>,
  b: Parameter<B>,
  run: (a: A, rest: readonly B[]) => Given,
): HclFunction {
  return (values) => {
    const first = values[0] === undefined ? undefined : a.read(values[0]);
    if (values.length === 0) return { ok: false, message: "expected at least 1 argument" };
    if (first === undefined) return misfit(values, 0, a.expected);
    const outcome = many(b, (rest) => run(first, rest))(values.slice(1));
    return outcome.ok || outcome.argument === undefined ? outcome : { ...outcome, argument: outcome.argument + 1 };
  };
}

function counted(values: readonly Value[], wanted: number): Outcome | undefined {
  if (values.length === wanted) return undefined;
  return { ok: false, message: `expected ${count(wanted)}, found ${values.length}` };
}

function count(wanted: number): string {
  return wanted === 1 ? "1 argument" : `${wanted} arguments`;
}

function misfit(values: readonly Value[], argument: number, expected: string): Outcome {
  return { ok: false, argument, message: `expected ${expected}, found ${typeName(values[argument] ?? null)}` };
}

function finish(given: Given): Outcome {
  return given instanceof Fault ? { ok: false, message: given.message } : { ok: true, value: given };
}
