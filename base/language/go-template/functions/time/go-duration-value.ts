import { goFunction } from "../../function.ts";
import { int64Type, type GoType } from "../../type.ts";
import { GoInteger, GoObject, type GoFunction, type GoValue } from "../../value.ts";
import { formatGoDuration } from "./go-duration.ts";

const durationType: GoType = { name: "time.Duration", kind: "int64" };

/** `time.Duration` (https://pkg.go.dev/time#Duration). */
export class GoDuration extends GoObject {
  readonly type = durationType;
  readonly ns: bigint;

  constructor(ns: bigint) {
    super();
    this.ns = BigInt.asIntN(64, ns);
  }

  field(): undefined {
    return undefined;
  }

  fields(): Iterable<readonly [string, GoValue]> {
    return [];
  }

  method(name: string): GoFunction | undefined {
    const value = METHODS.get(name)?.(this.ns);
    return value === undefined ? undefined : goFunction([], () => value);
  }

  override underlying(): GoValue {
    return new GoInteger(int64Type, this.ns);
  }

  override text(): string {
    return formatGoDuration(this.ns);
  }

  override equals(other: GoObject): boolean {
    return other instanceof GoDuration && other.ns === this.ns;
  }
}

const METHODS: ReadonlyMap<string, (ns: bigint) => GoValue> = new Map<string, (ns: bigint) => GoValue>([
  ["String", formatGoDuration],
  ["Hours", (ns) => Number(ns) / 3.6e12],
  ["Minutes", (ns) => Number(ns) / 6e10],
  ["Seconds", (ns) => Number(ns) / 1e9],
  ["Milliseconds", (ns) => new GoInteger(int64Type, ns / 1_000_000n)],
  ["Microseconds", (ns) => new GoInteger(int64Type, ns / 1000n)],
  ["Nanoseconds", (ns) => new GoInteger(int64Type, ns)],
]);
