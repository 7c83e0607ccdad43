/** What expressions yield. Lists, sets and tuples are arrays; maps and objects are plain objects. */
export type Value = string | number | boolean | null | readonly Value[] | ValueMap;
export interface ValueMap {
  readonly [key: string]: Value;
}

export function isMap(value: Value): value is ValueMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** How messages name a value's type. */
export function typeName(value: Value): string {
  if (value === null) return "null";
  if (isList(value)) return "a list";
  if (isMap(value)) return "an object";
  return typeof value === "boolean" ? "a bool" : `a ${typeof value}`;
}

/** The value of a map's own key; undefined when it has none. */
export function getKey(map: ValueMap, key: string): Value | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Keys in the language's order: by Unicode characters. */
export function sortedKeys(map: ValueMap): readonly string[] {
  return Object.keys(map).sort(compareText);
}

export function compareText(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Also for keys like `__proto__`, which assignment would swallow. */
export function mapOf(entries: Iterable<readonly [string, Value]>): ValueMap {
  return Object.fromEntries(entries);
}

/** Equal for equal values, different for others. */
export function identity(value: Value): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

export function equal(a: Value, b: Value): boolean {
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, index) => equal(item, b[index] ?? null));
  if (isMap(a)) {
    const keys = Object.keys(a);
    return (
      isMap(b) &&
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && equal(a[key] ?? null, b[key] ?? null))
    );
  }
  return a === b;
}

/** Lists and objects inside each other. */
const MAX_DEPTH = 200;

/** JSON (parsed) as a value; undefined for what JSON cannot hold, and for what is nested too deeply. */
export function fromJson(json: unknown, depth = 0): Value | undefined {
  if (json === null || typeof json === "string" || typeof json === "number" || typeof json === "boolean") return json;
  if (Array.isArray(json)) {
    if (depth > MAX_DEPTH) return undefined;
    const items = json.map((item) => fromJson(item, depth + 1));
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  if (typeof json !== "object" || depth > MAX_DEPTH) return undefined;
  const entries: [string, Value][] = [];
  for (const [key, item] of Object.entries(json)) {
    const value = fromJson(item, depth + 1);
    if (value === undefined) return undefined;
    entries.push([key, value]);
  }
  return mapOf(entries);
}
