import * as v from "valibot";

/**
 * Building blocks for types that cross a wire. They read leniently what real clients send (a missing or null
 * field takes its empty value, unknown fields are dropped) and always give the complete, canonical shape.
 */
export const text = v.nullish(v.string(), "");
export const number = v.nullish(v.number(), 0);
export const integer = v.nullish(v.pipe(v.number(), v.integer()), 0);
export const flag = v.nullish(v.boolean(), false);
export const texts = v.nullish(v.array(v.string()), () => []);
export const textMap = v.nullish(v.record(v.string(), v.string()), () => ({}));
/** An `int64` of nanoseconds. */
export const nanoseconds = integer;
/** Data this program passes on without reading it. */
export const anyMap = v.nullish(v.record(v.string(), v.unknown()), () => ({}));

/** A list that may be missing. */
export function list<S extends v.GenericSchema>(item: S) {
  return v.nullish(v.array(item), () => []);
}

/** The same, of at most so many: the rest is not even looked at. */
export function shortList<S extends v.GenericSchema>(
  item: S,
  limits: { readonly most: number; readonly what: string },
) {
  const message = `at most ${limits.most} ${limits.what} are possible`;
  const counted = v.pipe(v.array(v.unknown()), v.maxLength(limits.most, message), v.array(item));
  return v.nullish(counted, () => []);
}

/** A block that may be missing: null then. */
export function block<S extends v.GenericSchema>(schema: S) {
  return v.nullish(schema, null);
}

/** A number, duration, flag or text for which unset differs from empty: null when unset. */
export const optionalText = v.nullish(v.string(), null);
export const optionalInteger = v.nullish(v.pipe(v.number(), v.integer()), null);
export const optionalFlag = v.nullish(v.boolean(), null);
