import type { Fields } from "#base/language/hcl/decode/table.ts";

/** Blocks that may be given many times: those of later files come after those of earlier ones. */
const JOINED: ReadonlySet<string> = new Set(["config", "templates", "prefixes", "secrets", "services"]);

/** Keys of the second win; blocks are merged key by key, lists replaced, except {@link JOINED}. */
export function mergeFields(first: Fields, second: Fields): Fields {
  const merged: Fields = { ...first };
  for (const [key, value] of Object.entries(second)) {
    const before = merged[key];
    if (JOINED.has(key) && isList(before) && isList(value)) merged[key] = [...before, ...value];
    else merged[key] = isFields(before) && isFields(value) ? mergeFields(before, value) : value;
  }
  return merged;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
