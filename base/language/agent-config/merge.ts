import type { Fields } from "#base/language/hcl/decode/table.ts";

/** Keys of the second win; objects are merged, lists of named things are joined by name, other lists replaced. */
export function mergeFields(first: Fields, second: Fields): Fields {
  const merged = new Map(Object.entries(first));
  for (const [key, value] of Object.entries(second)) merged.set(key, mergeValues(merged.get(key), value));
  return Object.fromEntries(merged);
}

function mergeValues(first: unknown, second: unknown): unknown {
  if (isFields(first) && isFields(second)) return mergeFields(first, second);
  if (!Array.isArray(first) || !Array.isArray(second)) return second;
  const before: readonly unknown[] = first;
  const after: readonly unknown[] = second;
  const names = new Set(after.map(nameOf));
  if (names.has(undefined) || after.length === 0) return second;
  return [...before.filter((each) => !names.has(nameOf(each))), ...after];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nameOf(item: unknown): unknown {
  return isFields(item) && typeof item["name"] === "string" ? item["name"] : undefined;
}
