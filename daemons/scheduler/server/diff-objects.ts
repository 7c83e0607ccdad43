import {
  field,
  fieldDiffs,
  flattened,
  isFields,
  isOwnKeys,
  isSingle,
  type DiffType,
  type FieldDiff,
  type Fields,
} from "./diff-fields.ts";

export interface ObjectDiff {
  readonly Type: DiffType;
  readonly Name: string;
  readonly Fields: readonly FieldDiff[] | null;
  readonly Objects: readonly ObjectDiff[] | null;
}

/** What the blocks of a list are called, one by one; in their text order where they have no name of their own. */
const ITEM_NAMES: ReadonlyMap<string, string> = new Map([
  ["Constraints", "Constraint"],
  ["Affinities", "Affinity"],
  ["Spreads", "Spread"],
  ["SpreadTarget", "SpreadTarget"],
  ["Networks", "Network"],
  ["ReservedPorts", "Static Port"],
  ["DynamicPorts", "Dynamic Port"],
  ["Services", "Service"],
  ["Checks", "Check"],
  ["Templates", "Template"],
  ["Artifacts", "Artifact"],
  ["Volumes", "Volume"],
  ["VolumeMounts", "VolumeMount"],
  ["Devices", "Device"],
  ["Identities", "Identity"],
  ["Actions", "Action"],
  ["Secrets", "Secret"],
  ["ScalingPolicies", "ScalingPolicy"],
  ["Links", "Link"],
  ["Connect", "ConsulConnect"],
]);
/** By which a block of a list is known again after a change, the first that it has. */
const KEYS = ["Name", "Label", "DestPath", "Destination", "Value"];
/** Their shape is a driver's or an autoscaler's business. */
const FREE = new Set(["Config", "Policy", "Connect", "Multiregion"]);

/** How the blocks of two things differ; equal ones are left out, changed ones are shown whole. */
export function objectDiffs(
  old: Fields | undefined,
  now: Fields | undefined,
  ignored: ReadonlySet<string>,
): ObjectDiff[] {
  const names = [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])].toSorted();
  return names.flatMap((name) => (ignored.has(name) || isOwnKeys(name) ? [] : diffOf(name, old?.[name], now?.[name])));
}

function diffOf(key: string, old: unknown, now: unknown): ObjectDiff[] {
  const name = ITEM_NAMES.get(key) ?? key;
  if (key === "Volumes") return listDiff(name, valuesOf(old), valuesOf(now));
  if (Array.isArray(old) || Array.isArray(now)) return listDiff(name, itemsOf(old), itemsOf(now));
  if (isSingle(old) && isSingle(now)) return [];
  const [before, after] = [fieldsOf(old), fieldsOf(now)];
  return FREE.has(key) ? objectDiff(name, flattened(before), flattened(after)) : objectDiff(name, before, after);
}

const NOTHING: ReadonlySet<string> = new Set();

function objectDiff(Name: string, old: Fields | undefined, now: Fields | undefined): ObjectDiff[] {
  if (JSON.stringify(old) === JSON.stringify(now)) return [];
  const Fields = fieldDiffs(old, now, true);
  const Objects = objectDiffs(old, now, NOTHING);
  if (Objects.length === 0 && Fields.every(({ Type }) => Type === "None")) return [];
  return [{ Type: typeOf(old, now), Name, Fields: orNull(Fields), Objects: orNull(Objects) }];
}

function listDiff(name: string, old: readonly unknown[], now: readonly unknown[]): ObjectDiff[] {
  if (old.every(isSingle) && now.every(isSingle)) return setDiff(name, old.map(String), now.map(String));
  const { gone, added } = withoutEqual(old, now);
  const before = gone.filter(isFields);
  const after = added.filter(isFields);
  const pairs: [Fields | undefined, Fields | undefined][] = [];
  for (const item of before) {
    const key = keyOf(item);
    const at = key === undefined ? -1 : after.findIndex((each) => keyOf(each) === key);
    pairs.push([item, at < 0 ? undefined : after.splice(at, 1)[0]]);
  }
  return [...pairs, ...after.map((item): [undefined, Fields] => [undefined, item])].flatMap(([a, b]) =>
    objectDiff(name, a, b),
  );
}

/** Texts without an order, as tags and datacenters are. */
function setDiff(Name: string, old: readonly string[], now: readonly string[]): ObjectDiff[] {
  const [before, after] = [new Set(old), new Set(now)];
  const Fields = [...new Set([...old, ...now])].toSorted().map((text): FieldDiff => {
    const values = { Old: before.has(text) ? text : "", New: after.has(text) ? text : "" };
    return field(!before.has(text) ? "Added" : after.has(text) ? "None" : "Deleted", Name, values);
  });
  if (Fields.every(({ Type }) => Type === "None")) return [];
  const Type = old.length === 0 ? "Added" : now.length === 0 ? "Deleted" : "Edited";
  return [{ Type, Name, Fields, Objects: null }];
}

/** Equal items cancel out, wherever they stand. */
function withoutEqual(old: readonly unknown[], now: readonly unknown[]) {
  const counts = new Map<string, number>();
  for (const item of old) counts.set(JSON.stringify(item), (counts.get(JSON.stringify(item)) ?? 0) + 1);
  const added = now.filter((item) => {
    const text = JSON.stringify(item);
    const left = counts.get(text) ?? 0;
    counts.set(text, left - 1);
    return left <= 0;
  });
  const gone = old.toReversed().filter((item) => {
    const text = JSON.stringify(item);
    const left = counts.get(text) ?? 0;
    counts.set(text, left - 1);
    return left > 0;
  });
  return { gone: gone.toReversed(), added };
}

function keyOf(item: Fields): string | undefined {
  const name = KEYS.find((each) => typeof item[each] === "string" && item[each] !== "");
  return name === undefined ? undefined : `${name} ${String(item[name])}`;
}

export function typeOf(before: unknown, after: unknown): DiffType {
  if (before === undefined) return "Added";
  return after === undefined ? "Deleted" : "Edited";
}

export function orNull<T>(items: readonly T[]): readonly T[] | null {
  return items.length === 0 ? null : items;
}

function fieldsOf(value: unknown): Fields | undefined {
  return isFields(value) ? value : undefined;
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function valuesOf(value: unknown): readonly unknown[] {
  return isFields(value) ? Object.values(value) : [];
}
