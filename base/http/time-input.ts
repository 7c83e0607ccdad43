import * as v from "valibot";
import { parseDuration } from "#base/language/duration.ts";

/** Go's notation or nanoseconds → nanoseconds; absent: 0. */
export const durationInput = v.pipe(
  v.nullish(v.union([v.string(), v.number()]), 0),
  v.rawTransform<string | number, number>(({ dataset, addIssue, NEVER }) => {
    const { value } = dataset;
    const ns = typeof value === "number" ? value : value === "" ? 0 : parseDuration(value);
    if (ns !== undefined && Number.isSafeInteger(ns)) return ns;
    addIssue({ message: `expected a duration such as 30s or 1h, got ${JSON.stringify(value)}` });
    return NEVER;
  }),
);

/** RFC 3339 → nanoseconds; absent and Go's zero time: 0. */
export const timeInput = v.pipe(
  v.nullish(v.string(), ""),
  v.rawTransform<string, number>(({ dataset, addIssue, NEVER }) => {
    const { value } = dataset;
    if (value === "" || value.startsWith("0001-")) return 0;
    const ms = Date.parse(value);
    if (Number.isFinite(ms)) return ms * 1e6;
    addIssue({ message: `expected a time such as 2030-01-31T12:00:00Z, got ${JSON.stringify(value)}` });
    return NEVER;
  }),
);
