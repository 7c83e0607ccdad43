import { GLOBAL } from "#base/protocol/keys.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Task } from "#base/protocol/task.ts";
import { allocs, jobs, nodes } from "#base/state/tables.ts";
import { listNamespaces } from "../tenancy/namespace.ts";
import { listNodePools } from "../tenancy/node-pool.ts";
import type { SearchContext, SearchScope } from "./contexts.ts";

/** A name and what kind of thing has it. `Scope`s: https://developer.hashicorp.com/nomad/api-docs/search#scope */
export interface Named {
  readonly kind: string;
  readonly match: { readonly ID: string; readonly Scope?: readonly string[] };
}

/** For each thing of a context the names it goes by, those of its parts included. */
export function* namesOf(
  context: SearchContext,
  { view, namespace }: SearchScope,
): Generator<readonly Named[], void, void> {
  switch (context) {
    case "jobs":
      for (const { value } of view.table(jobs).list(namespace)) yield namesOfJob(value);
      return;
    case "allocs":
      for (const { id, value } of view.table(allocs).list(namespace)) {
        yield [named("allocs", value.Name, [value.Namespace, id])];
      }
      return;
    case "nodes":
      for (const { id, value } of view.table(nodes).list(GLOBAL)) yield [named("nodes", value.Name, [id])];
      return;
    case "node_pools":
      for (const { id } of listNodePools(view)) yield [named("node_pools", id, [id])];
      return;
    case "namespaces":
      for (const { id } of listNamespaces(view)) yield [{ kind: "namespaces", match: { ID: id } }];
      return;
    default:
  }
}

function namesOfJob(job: Job): Named[] {
  const at = [job.Namespace, job.ID];
  return [named("jobs", job.Name, at), ...job.TaskGroups.flatMap((group) => namesOfGroup(group, at))];
}

function namesOfGroup(group: TaskGroup, job: readonly string[]): Named[] {
  const at = [...job, group.Name];
  return [
    named("groups", group.Name, job),
    ...group.Services.map((service) => named("services", service.Name, at)),
    ...group.Tasks.flatMap((task) => namesOfTask(task, at)),
  ];
}

function namesOfTask(task: Task, group: readonly string[]): Named[] {
  const at = [...group, task.Name];
  const config = [
    ["images", task.Config["image"]],
    ["commands", task.Config["command"]],
    ["classes", task.Config["class"]],
  ] as const;
  return [
    named("tasks", task.Name, group),
    ...task.Services.map((service) => named("services", service.Name, at)),
    ...config.flatMap(([kind, value]) => (typeof value === "string" ? [named(kind, value, at)] : [])),
  ];
}

function named(kind: string, ID: string, Scope: readonly string[]): Named {
  return { kind, match: { ID, Scope } };
}
