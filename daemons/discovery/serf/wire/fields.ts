import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";

/** Raw bytes; nothing counts as none, as Go writes an absent slice. */
export const bytesField = v.pipe(
  v.nullish(v.instance(Uint8Array), () => new Uint8Array()),
  v.transform((bytes): Uint8Array => bytes),
);
export const textField = v.pipe(
  bytesField,
  v.transform((bytes) => textOf(bytes)),
);
export const flagField = v.nullish(v.boolean(), false);

/** A whole number of 0 to `highest`. */
export function countField(highest: number) {
  return v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(highest)), 0);
}

/** A Lamport time. What is above 2^53 is refused: no cluster gets there but by a hostile or broken member. */
export const timeField = countField(Number.MAX_SAFE_INTEGER - 1);
export const floatField = v.nullish(v.number(), 0);

export function listField<S extends v.GenericSchema>(item: S) {
  return v.nullish(v.array(item), () => []);
}

export function recordField<S extends v.GenericSchema>(item: S) {
  return v.nullish(v.record(v.string(), item), () => ({}));
}

export const textMapField = recordField(textField);
