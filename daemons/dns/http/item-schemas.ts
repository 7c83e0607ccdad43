import * as v from "valibot";

const MAX_ITEMS = 10_000;
const text = v.pipe(v.string(), v.maxLength(1024));
export const OneOrMany = v.union(
  [text, v.pipe(v.array(text), v.maxLength(MAX_ITEMS))],
  "expected a text or a list of texts",
);

/** Fields that every kind of item may have; what is absent keeps its value, or gets the default. */
export const common = {
  comment: v.nullish(text),
  enabled: v.optional(v.boolean()),
  groups: v.optional(v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0))), v.maxLength(1000))),
};

/** What `:batchDelete` takes. */
export const BatchSchema = v.pipe(
  v.array(v.object({ item: text, type: v.optional(text), kind: v.optional(text) })),
  v.maxLength(MAX_ITEMS),
);

export interface Common {
  readonly comment?: string | null | undefined;
  readonly enabled?: boolean | undefined;
  readonly groups?: readonly number[] | undefined;
}

interface CommonValues {
  readonly comment: string;
  readonly enabled: boolean;
  readonly groups: number[];
}

/** The values after a change of `before`; undefined: it is new. */
export function commonOf(given: Common, before: Partial<CommonValues> | undefined): CommonValues {
  return {
    comment: given.comment ?? before?.comment ?? "",
    enabled: given.enabled ?? before?.enabled ?? true,
    groups: [...(given.groups ?? before?.groups ?? [0])],
  };
}
