import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Task } from "#base/protocol/task.ts";

export type DiffType = "None" | "Added" | "Deleted" | "Edited";

export interface FieldDiff {
  readonly Type: DiffType;
  readonly Name: string;
  readonly Old: string;
  readonly New: string;
  readonly Annotations: null;
}

export interface ObjectDiff {
  readonly Type: DiffType;
  readonly Name: string;
  readonly Fields: readonly FieldDiff[] | null;
  readonly Objects: readonly ObjectDiff[] | null;
}

export interface TaskDiff extends ObjectDiff {
  readonly Annotations: readonly string[] | null;
}

export interface GroupDiff extends ObjectDiff {
  readonly Tasks: readonly TaskDiff[] | null;
  readonly Updates: Readonly<Record<string, number>> | null;
}

/** https://developer.hashicorp.com/nomad/api-docs/jobs#create-job-plan */
export interface JobDiff extends Omit<ObjectDiff, "Name"> {
  readonly ID: string;
  readonly TaskGroups: readonly GroupDiff[] | null;
}

/** Filled in by the servers: no part of what a person wrote. */
const SERVERS_OWN = new Set(["Version", "Stable", "SubmitTime", "Status", "ID", "VersionTag"]);

/** What changed from one specification to another, field by field. */
export function jobDiff(before: Job | undefined, after: Job): JobDiff {
  const { Fields, Objects } = compareObjects(
    without(before, ["TaskGroups"]),
    without(after, ["TaskGroups"]),
    SERVERS_OWN,
  );
  const TaskGroups = pairByName(before?.TaskGroups ?? [], after.TaskGroups).map(([a, b]) => groupDiff(a, b));
  const changed = Fields.length + Objects.length > 0 || TaskGroups.some(({ Type }) => Type !== "None");
  const Type = before === undefined ? "Added" : changed ? "Edited" : "None";
  return { Type, ID: after.ID, Fields: orNull(Fields), Objects: orNull(Objects), TaskGroups: orNull(TaskGroups) };
}

function groupDiff(before: TaskGroup | undefined, after: TaskGroup | undefined): GroupDiff {
  const { Fields, Objects } = compareObjects(without(before, ["Tasks"]), without(after, ["Tasks"]), new Set(["Name"]));
  const Tasks = pairByName(before?.Tasks ?? [], after?.Tasks ?? []).map(([a, b]) => taskDiff(a, b));
  const changed = Fields.length + Objects.length > 0 || Tasks.some((task) => task.Type !== "None");
  return {
    Type: typeOf(before, after, changed),
    Name: after?.Name ?? before?.Name ?? "",
    Fields: orNull(Fields),
    Objects: orNull(Objects),
    Tasks: orNull(Tasks),
    Updates: null,
  };
}

function taskDiff(before: Task | undefined, after: Task | undefined): TaskDiff {
  const { Fields, Objects } = compareObjects(without(before, []), without(after, []), new Set(["Name"]));
  const Type = typeOf(before, after, Fields.length + Objects.length > 0);
  const Name = after?.Name ?? before?.Name ?? "";
  return { Type, Name, Fields: orNull(Fields), Objects: orNull(Objects), Annotations: null };
}

type Fields = Readonly<Record<string, unknown>>;

function compareObjects(
  before: Fields,
  after: Fields,
  ignored: ReadonlySet<string>,
): { Fields: FieldDiff[]; Objects: ObjectDiff[] } {
  const found: { Fields: FieldDiff[]; Objects: ObjectDiff[] } = { Fields: [], Objects: [] };
  for (const name of [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted()) {
    if (ignored.has(name)) continue;
    const [old, now] = [before[name], after[name]];
    if (Array.isArray(old) || Array.isArray(now)) found.Objects.push(...listDiff(name, asList(old), asList(now)));
    else if (isFields(old) || isFields(now)) found.Objects.push(...objectDiff(name, asFields(old), asFields(now)));
    else found.Fields.push(...fieldDiff(name, textOf(old), textOf(now)));
  }
  return found;
}

function fieldDiff(Name: string, Old: string, New: string): FieldDiff[] {
  if (Old === New) return [];
  const Type = Old === "" ? "Added" : New === "" ? "Deleted" : "Edited";
  return [{ Type, Name, Old, New, Annotations: null }];
}

function objectDiff(Name: string, old: Fields | undefined, now: Fields | undefined): ObjectDiff[] {
  const { Fields, Objects } = compareObjects(old ?? {}, now ?? {}, new Set());
  if (Fields.length + Objects.length === 0) return [];
  return [{ Type: typeOf(old, now, true), Name, Fields: orNull(Fields), Objects: orNull(Objects) }];
}

/** Items have no names: equal ones cancel out, of the rest the old are gone and the new are there. */
function listDiff(name: string, old: readonly unknown[], now: readonly unknown[]): ObjectDiff[] {
  const gone = old.map((item) => JSON.stringify(item));
  const added: unknown[] = [];
  for (const item of now) {
    const at = gone.indexOf(JSON.stringify(item));
    if (at >= 0) gone.splice(at, 1);
    else added.push(item);
  }
  const itemDiff = (item: unknown, isNew: boolean): ObjectDiff[] => {
    const fields = isFields(item) ? item : { [name]: item };
    return objectDiff(name, isNew ? undefined : fields, isNew ? fields : undefined);
  };
  const removed = gone.flatMap((text) =>
    itemDiff(
      old.find((item) => JSON.stringify(item) === text),
      false,
    ),
  );
  return [...removed, ...added.flatMap((item) => itemDiff(item, true))];
}

function pairByName<T extends { readonly Name: string }>(
  before: readonly T[],
  after: readonly T[],
): [T | undefined, T | undefined][] {
  const names = [...new Set([...before, ...after].map(({ Name }) => Name))].toSorted();
  return names.map((name) => [before.find(({ Name }) => Name === name), after.find(({ Name }) => Name === name)]);
}

function typeOf(before: unknown, after: unknown, changed: boolean): DiffType {
  if (before === undefined) return "Added";
  if (after === undefined) return "Deleted";
  return changed ? "Edited" : "None";
}

function without(value: object | undefined, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([name]) => !names.includes(name)));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asFields(value: unknown): Fields | undefined {
  return isFields(value) ? value : undefined;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function orNull<T>(items: readonly T[]): readonly T[] | null {
  return items.length === 0 ? null : items;
}
