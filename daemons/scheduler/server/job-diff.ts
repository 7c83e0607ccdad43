import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Task } from "#base/protocol/task.ts";
import { fieldDiffs, type DiffType, type FieldDiff, type Fields } from "./diff-fields.ts";
import { objectDiffs, orNull, typeOf, type ObjectDiff } from "./diff-objects.ts";
import { taskUpdateKind } from "./reconcile/group-diff.ts";

export interface TaskDiff extends ObjectDiff {
  readonly Annotations: readonly string[] | null;
}

export interface GroupDiff extends ObjectDiff {
  readonly Tasks: readonly TaskDiff[] | null;
  /** How many allocations the change creates, destroys, updates …; only a plan knows. */
  readonly Updates: Readonly<Record<string, number>> | null;
}

/** https://developer.hashicorp.com/nomad/api-docs/jobs#create-job-plan */
export interface JobDiff extends Omit<ObjectDiff, "Name"> {
  readonly ID: string;
  readonly TaskGroups: readonly GroupDiff[] | null;
}

/** Filled in by the servers: no part of what a person wrote. */
const SERVERS_OWN = ["Version", "Stable", "SubmitTime", "Status", "ID", "VersionTag", "TaskGroups"];
/** What follows from the blocks of the groups. */
const OF_GROUPS = ["Update", "Migrate", "Reschedule"];

/** What changed from one specification to another; either may be missing, not both. */
export function jobDiff(before: Job | undefined, after: Job | undefined): JobDiff {
  const left = [...SERVERS_OWN, ...OF_GROUPS];
  const { Fields, Objects } = compare(before, after, left);
  const groups = pairByName(before?.TaskGroups ?? [], after?.TaskGroups ?? []);
  const TaskGroups = groups.map(([a, b]) => groupDiff(a, b));
  const changed = Fields.length + Objects.length > 0 || TaskGroups.some(({ Type }) => Type !== "None");
  const Type = kindOf(before, after, changed);
  const ID = after?.ID ?? before?.ID ?? "";
  return { Type, ID, Fields: orNull(Fields), Objects: orNull(Objects), TaskGroups: orNull(TaskGroups) };
}

function groupDiff(before: TaskGroup | undefined, after: TaskGroup | undefined): GroupDiff {
  const { Fields, Objects } = compare(before, after, ["Name", "Tasks"]);
  const kept = before !== undefined && after !== undefined;
  const Tasks = pairByName(before?.Tasks ?? [], after?.Tasks ?? []).map(([a, b]) => taskDiff(a, b, kept));
  const changed = Fields.length + Objects.length > 0 || Tasks.some((task) => task.Type !== "None");
  return {
    Type: kindOf(before, after, changed),
    Name: after?.Name ?? before?.Name ?? "",
    Fields: orNull(Fields.map((field) => (field.Name === "Count" ? countDiff(field) : field))),
    Objects: orNull(Objects),
    Tasks: orNull(Tasks),
    Updates: null,
  };
}

function countDiff(field: FieldDiff): FieldDiff {
  const more = Number(field.New) > Number(field.Old);
  return { ...field, Annotations: [more ? "forces create" : "forces destroy"] };
}

/** `kept`: the group is there before and after, so its allocations are replaced rather than made or ended. */
function taskDiff(before: Task | undefined, after: Task | undefined, kept: boolean): TaskDiff {
  const { Fields, Objects } = compare(before, after, ["Name"]);
  const Type = kindOf(before, after, Fields.length + Objects.length > 0);
  const Name = after?.Name ?? before?.Name ?? "";
  return {
    Type,
    Name,
    Fields: orNull(Fields),
    Objects: orNull(Objects),
    Annotations: annotations(before, after, kept),
  };
}

function annotations(before: Task | undefined, after: Task | undefined, kept: boolean): readonly string[] | null {
  if (!kept) return [after === undefined ? "forces destroy" : "forces create"];
  if (before === undefined || after === undefined) return ["forces create/destroy update"];
  const kind = taskUpdateKind(before, after);
  if (kind === "same") return null;
  return [kind === "in-place" ? "forces in-place update" : "forces create/destroy update"];
}

function compare(
  before: object | undefined,
  after: object | undefined,
  ignored: readonly string[],
): { readonly Fields: readonly FieldDiff[]; readonly Objects: readonly ObjectDiff[] } {
  const [old, now] = [without(before, ignored), without(after, ignored)];
  return { Fields: fieldDiffs(old, now, false), Objects: objectDiffs(old, now, new Set(ignored)) };
}

function pairByName<T extends { readonly Name: string }>(
  before: readonly T[],
  after: readonly T[],
): [T | undefined, T | undefined][] {
  const names = [...new Set([...before, ...after].map(({ Name }) => Name))].toSorted();
  return names.map((name) => [before.find(({ Name }) => Name === name), after.find(({ Name }) => Name === name)]);
}

function kindOf(before: unknown, after: unknown, changed: boolean): DiffType {
  return before !== undefined && after !== undefined && !changed ? "None" : typeOf(before, after);
}

function without(value: object | undefined, names: readonly string[]): Fields | undefined {
  if (value === undefined) return undefined;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}
