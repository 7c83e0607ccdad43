/** `${name}` as it stands in jobs: node facts, and whatever is in the task's environment. */
const REFERENCE = /\$\{([A-Za-z0-9_.-]+)\}/g;

export type Lookup = (name: string) => string | undefined;

/** Unknown names stay as they are, so that a shell in the task may still give them a meaning. */
export function interpolate(text: string, lookup: Lookup): string {
  return text.includes("${") ? text.replaceAll(REFERENCE, (whole, name: string) => lookup(name) ?? whole) : text;
}

/** Every text in a structure of objects and lists. */
export function interpolateDeep(value: unknown, lookup: Lookup): unknown {
  if (typeof value === "string") return interpolate(value, lookup);
  if (Array.isArray(value)) return value.map((item) => interpolateDeep(item, lookup));
  if (typeof value === "object" && value !== null) return interpolateMap(value, lookup);
  return value;
}

export function interpolateMap(map: object, lookup: Lookup): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => [interpolate(key, lookup), interpolateDeep(value, lookup)]),
  );
}

export function interpolateTexts(map: Readonly<Record<string, string>>, lookup: Lookup): Record<string, string> {
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => [interpolate(key, lookup), interpolate(value, lookup)]),
  );
}
