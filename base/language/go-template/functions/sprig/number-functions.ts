import { goFunction, variadic } from "../../function.ts";
import { intType, sliceType } from "../../type.ts";
import { GoError, sliceOf, type GoValue } from "../../value.ts";
import { castFloat, castInt } from "../cast.ts";
import { all, ANY, f1, f2, FLOAT, INT, int64, oneAndAll, STRING, type Defined, type Outcome } from "../define.ts";
import { parseAtoi, parseGoInt } from "../text/strconv.ts";
import { printValue } from "../print-value.ts";
import { decimalOf } from "../decimal.ts";

/** The longest list that `until` and its kin make. */
export const MAX_SEQUENCE = 1_000_000;

/** sprig's numbers (https://masterminds.github.io/sprig/math.html): whole ones have 64 bits and wrap around, floats are added as decimals. */
export const numberFunctions: readonly Defined[] = [
  f1("atoi", [STRING], (text) => {
    const parsed = parseAtoi(text);
    return parsed.ok ? parsed.value : 0n;
  }),
  f1("int", [ANY], castInt),
  f1("int64", [ANY], (value) => int64(castInt(value))),
  f1("float64", [ANY], castFloat),
  f1("toDecimal", [ANY], (value) => {
    const parsed = parseGoInt(printValue(value), 8);
    return int64(parsed.ok ? parsed.value : 0n);
  }),
  f1("add1", [ANY], (value) => int64(castInt(value) + 1n)),
  all("add", ANY, (values) => int64(values.reduce((sum: bigint, value) => sum + castInt(value), 0n))),
  f2("sub", [ANY, ANY], (a, b) => int64(castInt(a) - castInt(b))),
  f2("div", [ANY, ANY], (a, b) => (castInt(b) === 0n ? byZero() : int64(castInt(a) / castInt(b)))),
  f2("mod", [ANY, ANY], (a, b) => (castInt(b) === 0n ? byZero() : int64(castInt(a) % castInt(b)))),
  oneAndAll("mul", [ANY, ANY], (a, rest) =>
    int64(rest.reduce((product: bigint, b) => BigInt.asIntN(64, product * castInt(b)), castInt(a))),
  ),
  f1("add1f", [ANY], (value) => decimals(value, [1], (a, b) => a.plus(b))),
  all("addf", ANY, (values) => decimals(0, values, (a, b) => a.plus(b))),
  oneAndAll("subf", [ANY, ANY], (a, rest) => decimals(a, rest, (x, y) => x.minus(y))),
  oneAndAll("mulf", [ANY, ANY], (a, rest) => decimals(a, rest, (x, y) => x.times(y))),
  oneAndAll("divf", [ANY, ANY], (a, rest) => decimals(a, rest, (x, y) => x.over(y))),
  ...["max", "biggest"].map((name) =>
    oneAndAll(name, [ANY, ANY], (a, rest) => int64(rest.map(castInt).reduce((x, y) => (y > x ? y : x), castInt(a)))),
  ),
  oneAndAll("min", [ANY, ANY], (a, rest) => int64(rest.map(castInt).reduce((x, y) => (y < x ? y : x), castInt(a)))),
  oneAndAll("maxf", [ANY, ANY], (a, rest) => Math.max(castFloat(a), ...rest.map(castFloat))),
  oneAndAll("minf", [ANY, ANY], (a, rest) => Math.min(castFloat(a), ...rest.map(castFloat))),
  f1("floor", [ANY], (value) => Math.floor(castFloat(value))),
  f1("ceil", [ANY], (value) => Math.ceil(castFloat(value))),
  {
    name: "round",
    value: variadic([ANY, INT], FLOAT, ([value, places], [on = 0.5]) => round(castFloat(value), { places, on })),
  },
  f1("until", [INT], (count) => listOf(sequence(0n, count, count < 0n ? -1n : 1n))),
  {
    name: "untilStep",
    value: goFunction([INT, INT, INT], (start, stop, step) => listOf(sequence(start, stop, step))),
  },
  all("seq", INT, seq),
];

/** A `[]int`. */
function listOf(numbers: readonly bigint[] | GoError): Outcome {
  return numbers instanceof GoError ? numbers : sliceOf(sliceType(intType), numbers);
}

function byZero(): GoError {
  return new GoError("runtime error: integer divide by zero");
}

type Decimal = ReturnType<typeof decimalOf>;

function decimals(
  first: GoValue,
  rest: readonly GoValue[],
  apply: (a: Decimal, b: Decimal) => Decimal | undefined,
): Outcome {
  let result = decimalOf(castFloat(first));
  for (const value of rest) {
    const next = apply(result, decimalOf(castFloat(value)));
    if (next === undefined) return new GoError("decimal division by 0");
    result = next;
  }
  return result.toNumber();
}

/** Halves up, also below zero; `on` is the fraction from which it goes up. */
function round(value: number, { places, on }: { readonly places: bigint; readonly on: number }): number {
  const power = 10 ** Number(places);
  const digit = power * value;
  return (digit - Math.trunc(digit) >= on ? Math.ceil(digit) : Math.floor(digit)) / power;
}

/** From `start` up to but without `stop`, upwards or downwards; a step in the wrong direction gives nothing. */
function sequence(start: bigint, stop: bigint, step: bigint): readonly bigint[] | GoError {
  const down = stop < start;
  if (step === 0n || down !== step < 0n) return [];
  const distance = down ? start - stop : stop - start;
  const size = down ? -step : step;
  const count = (distance + size - 1n) / size;
  if (count > MAX_SEQUENCE) return new GoError(`more than ${MAX_SEQUENCE} numbers, from ${start} to ${stop}`);
  return Array.from({ length: Number(count) }, (_, index) => start + step * BigInt(index));
}

/** As the program `seq`: `last`, `first last` or `first step last`, the last one included, in one text. */
function seq(params: readonly bigint[]): Outcome {
  const [a = 0n, b = 0n, c = 0n] = params;
  const numbers = ((): readonly bigint[] | GoError => {
    switch (params.length) {
      case 1:
        return sequence(1n, a + (a < 1n ? -1n : 1n), a < 1n ? -1n : 1n);
      case 2:
        return sequence(a, b + (b < a ? -1n : 1n), b < a ? -1n : 1n);
      case 3:
        return c < a && b > 0n ? [] : sequence(a, c + (c < a ? -1n : 1n), b);
      default:
        return [];
    }
  })();
  return numbers instanceof GoError ? numbers : numbers.join(" ");
}
