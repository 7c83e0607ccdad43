import type { FieldDiff, GroupDiff, JobDiff, ObjectDiff, TaskDiff } from "#base/client/nomad-answers.ts";

const MARKS: Readonly<Record<string, string>> = { Added: "+", Deleted: "-", Edited: "+/-" };

/**
 * A job's differences, indented as they nest. What is new or gone as a whole is only named, what was edited is shown, and
 * what stayed inside an edited block stands beside it; `verbose` shows all of it.
 */
export function diffLines(diff: JobDiff, verbose: boolean): string[] {
  return [
    head(diff.Type, `Job: "${diff.ID}"`, 0),
    ...parts(diff, { depth: 0, verbose }),
    ...diff.TaskGroups.flatMap((group) => groupLines(group, verbose)),
  ];
}

function groupLines(group: GroupDiff, verbose: boolean): string[] {
  const updates = Object.entries(group.Updates).map(([kind, count]) => `${count} ${kind}`);
  return [
    head(group.Type, `Task Group: "${group.Name}"${noted(updates)}`, 0),
    ...parts(group, { depth: 1, verbose }),
    ...group.Tasks.flatMap((task) => taskLines(task, group, verbose)),
  ];
}

function taskLines(task: TaskDiff, group: GroupDiff, verbose: boolean): string[] {
  const beside = [...group.Fields, ...group.Objects, ...group.Tasks].map(({ Type }) => Type);
  return [
    line({ type: task.Type, beside, depth: 1 }, `Task: "${task.Name}"${noted(task.Annotations)}`),
    ...parts(task, { depth: 2, verbose }),
  ];
}

interface Nesting {
  readonly depth: number;
  readonly verbose: boolean;
}

interface Parts {
  readonly Type: string;
  readonly Fields: readonly FieldDiff[];
  readonly Objects: readonly ObjectDiff[];
}

function parts(of: Parts, { depth, verbose }: Nesting): string[] {
  if (!verbose && of.Type !== "Edited") return [];
  const changed = ({ Type }: { readonly Type: string }): boolean => verbose || Type !== "None";
  return inner({ ...of, Fields: of.Fields.filter(changed), Objects: of.Objects.filter(changed) }, depth);
}

function inner({ Fields, Objects }: Omit<Parts, "Type">, depth: number): string[] {
  const beside = [...Fields, ...Objects].map(({ Type }) => Type);
  const widest = Math.max(0, ...Fields.map(({ Name }) => Name.length));
  return [
    ...Fields.map((field) => line({ type: field.Type, beside, depth }, fieldText(field, widest))),
    ...Objects.flatMap((object) => [
      line({ type: object.Type, beside, depth }, `${object.Name} {`),
      ...inner(object, depth + 1),
      `${"  ".repeat(depth)}}`,
    ]),
  ];
}

function fieldText(field: FieldDiff, widest: number): string {
  const change =
    field.Type === "Edited"
      ? `"${field.Old}" => "${field.New}"`
      : `"${field.Type === "Deleted" ? field.Old : field.New}"`;
  return `${`${field.Name}:`.padEnd(widest + 1)} ${change}${noted(field.Annotations)}`;
}

function noted(notes: readonly string[]): string {
  return notes.length === 0 ? "" : ` (${notes.join(", ")})`;
}

function head(type: string, text: string, depth: number): string {
  return line({ type, beside: [], depth }, text);
}

interface Marked {
  readonly type: string;
  /** Types of what stands beside it, for a column of marks. */
  readonly beside: readonly string[];
  readonly depth: number;
}

function line({ type, beside, depth }: Marked, text: string): string {
  const mark = MARKS[type] ?? "";
  const widest = Math.max(mark.length, ...beside.map((each) => (MARKS[each] ?? "").length));
  const column = widest === 0 ? "" : `${mark.padEnd(widest)} `;
  return `${"  ".repeat(depth)}${column}${text}`;
}
