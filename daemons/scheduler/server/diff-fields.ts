export type DiffType = "None" | "Added" | "Deleted" | "Edited";

export interface FieldDiff {
  readonly Type: DiffType;
  readonly Name: string;
  readonly Old: string;
  readonly New: string;
  readonly Annotations: readonly string[] | null;
}

export type Fields = Readonly<Record<string, unknown>>;

/** Maps of a person's own keys: each key is a field, `Meta[key]`. */
const OWN_KEYS = new Set([
  "Meta",
  "CanaryMeta",
  "Env",
  "GetterOptions",
  "GetterHeaders",
  "TaggedAddresses",
  "Header",
  "Args",
]);

/**
 * How single values differ, by name. What is the same on both sides is in it (as `None`) when `contextual`, so that a
 * changed object can be shown whole.
 */
export function fieldDiffs(old: Fields | undefined, now: Fields | undefined, contextual: boolean): FieldDiff[] {
  const before = flatFields(old ?? {});
  const after = flatFields(now ?? {});
  return [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap((name): FieldDiff[] => {
    const [Old, New] = [before.get(name) ?? "", after.get(name) ?? ""];
    if (Old === New) return contextual ? [field("None", name, { Old, New })] : [];
    if (now === undefined || (New === "" && !after.has(name))) return [field("Deleted", name, { Old, New })];
    if (old === undefined || (Old === "" && !before.has(name))) return [field("Added", name, { Old, New })];
    return [field(Old === "" ? "Added" : New === "" ? "Deleted" : "Edited", name, { Old, New })];
  });
}

export function field(Type: DiffType, Name: string, values: { readonly Old: string; readonly New: string }): FieldDiff {
  return { Type, Name, ...values, Annotations: null };
}

/** Values that are not blocks of their own, with what they are called. */
function flatFields(value: Fields): Map<string, string> {
  const flat = new Map<string, string>();
  for (const [name, item] of Object.entries(value)) {
    if (isSingle(item)) flat.set(name, textOf(item));
    else if (OWN_KEYS.has(name) && isFields(item)) flatten(item, name, flat);
  }
  return flat;
}

/** What a driver or an autoscaler reads: its shape is not known here, so every value is named by the way to it. */
export function flattened(value: Fields | undefined): Fields | undefined {
  if (value === undefined) return undefined;
  const flat = new Map<string, string>();
  for (const [name, item] of Object.entries(value)) {
    if (isSingle(item)) flat.set(name, textOf(item));
    else flatten(item, name, flat);
  }
  return Object.fromEntries(flat);
}

function flatten(value: unknown, name: string, into: Map<string, string>): void {
  if (isSingle(value)) into.set(name, textOf(value));
  else if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    for (const [index, item] of items.entries()) flatten(item, `${name}[${index}]`, into);
  } else if (isFields(value)) {
    for (const [key, item] of Object.entries(value)) flatten(item, `${name}[${key}]`, into);
  }
}

/** Whether a key holds fields rather than an object. */
export function isOwnKeys(name: string): boolean {
  return OWN_KEYS.has(name);
}

export function isSingle(value: unknown): value is string | number | boolean | null | undefined {
  return typeof value !== "object" || value === null;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: string | number | boolean | null | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}
