import * as v from "valibot";

export const on = v.nullish(v.boolean(), true);
export const off = v.nullish(v.boolean(), false);
export const whole = (otherwise: number) => v.nullish(v.pipe(v.number(), v.integer()), otherwise);
export const word = (otherwise: string) => v.nullish(v.string(), otherwise);
/** A block whose every key has a default. */
export function settings<S extends v.ObjectEntries>(entries: S) {
  const schema = v.object(entries);
  return v.pipe(
    v.nullish(v.record(v.string(), v.unknown()), () => ({})),
    schema,
  );
}
