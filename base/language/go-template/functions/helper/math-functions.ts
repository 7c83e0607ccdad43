import { floatOf, integerOf, isUnsigned, plain, typeOf } from "../../type-of.ts";
import { GoError, type GoValue } from "../../value.ts";
import { ANY, f2, int64, typeName, uint64, type Defined, type Outcome } from "../define.ts";

/**
 * consul-template's arithmetic: of two whole numbers a whole one with 64 bits that wraps around, with a float a float.
 * The second argument comes first: `divide 2 10` is 5.
 */
export const mathFunctions: readonly Defined[] = [
  arithmetic("add", { whole: (a, b) => a + b, float: (a, b) => a + b }),
  arithmetic("subtract", { whole: (a, b) => a - b, float: (a, b) => a - b }),
  arithmetic("multiply", { whole: (a, b) => a * b, float: (a, b) => a * b }),
  arithmetic("divide", { whole: (a, b) => (b === 0n ? undefined : a / b), float: (a, b) => a / b }),
  arithmetic("modulo", { whole: (a, b) => (b === 0n ? undefined : a % b), float: undefined }),
  choice("minimum", (a, b) => a < b),
  choice("maximum", (a, b) => a > b),
];

interface Operation {
  /** Undefined: a division by zero. */
  readonly whole: (a: bigint, b: bigint) => bigint | undefined;
  readonly float: ((a: number, b: number) => number) | undefined;
}

type Numeric =
  | { readonly kind: "int" | "uint"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number };

function arithmetic(name: string, { whole, float }: Operation): Defined {
  return f2(name, [ANY, ANY], (second, first): Outcome => {
    const [a, b] = [numeric(first), numeric(second)];
    if (a === undefined) return unknownType(name, first);
    if (b === undefined) return unknownType(name, second);
    if (a.kind === "float" || b.kind === "float") {
      if (float === undefined) return unknownType(name, a.kind === "float" ? first : second);
      return float(Number(a.value), Number(b.value));
    }
    const result = whole(a.value, b.value);
    if (result === undefined) return new GoError("runtime error: integer divide by zero");
    return a.kind === "uint" && b.kind === "uint" ? uint64(result) : int64(result);
  });
}

/** The first one if `wins` says so, else the second, each as it came. */
function choice(name: string, wins: (a: bigint | number, b: bigint | number) => boolean): Defined {
  return f2(name, [ANY, ANY], (second, first): Outcome => {
    const [a, b] = [numeric(first), numeric(second)];
    if (a === undefined) return unknownType(name, first);
    if (b === undefined) return unknownType(name, second);
    return widened(wins(a.value, b.value) ? a : b);
  });
}

function numeric(value: GoValue): Numeric | undefined {
  const integer = integerOf(value);
  if (integer !== undefined) return { kind: isUnsigned(typeOf(plain(value))) ? "uint" : "int", value: integer };
  const float = floatOf(value);
  return float === undefined ? undefined : { kind: "float", value: float };
}

function widened(number: Numeric): GoValue {
  if (number.kind === "float") return number.value;
  return number.kind === "uint" ? uint64(number.value) : int64(number.value);
}

function unknownType(name: string, value: GoValue): GoError {
  const shown = typeof value === "string" ? value : typeName(value);
  return new GoError(`${name}: unknown type for ${JSON.stringify(shown)} (${typeName(value)})`);
}
