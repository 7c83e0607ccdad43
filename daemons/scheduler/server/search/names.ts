import { GLOBAL } from "#base/protocol/keys.ts";
import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Task } from "#base/protocol/task.ts";
import { allocs, jobs, nodes } from "#base/state/tables.ts";
import { listNamespaces } from "../tenancy/namespace.ts";
import { listNodePools } from "../tenancy/node-pool.ts";
import { visibleIn, type SearchContext, type SearchScope } from "./contexts.ts";

/** A name and what kind of thing has it. `Scope`s: https://developer.hashicorp.com/nomad/api-docs/search#scope */
export interface Named {
  readonly kind: string;
  readonly match: { readonly ID: string; readonly Scope?: readonly string[] };
}

/**
 * For each thing of a context the names it goes by, those of its parts included; none for what is not to be seen. That of
 * allocations may be continued in a later turn.
 */
export function* namesOf(context: SearchContext, scope: SearchScope): Generator<readonly Named[], void, void> {
  const { view, namespace } = scope;
  const isVisible = visibleIn(scope, context);
  switch (context) {
    case "jobs":
      for (const row of view.table(jobs).list(namespace)) if (isVisible(row)) yield namesOfJob(row.value);
      return;
    case "allocs":
      for (const row of view.table(allocs).each()) {
        const isWanted = (namespace === undefined || row.namespace === namespace) && isVisible(row);
        yield isWanted ? [named("allocs", row.value.Name, [row.namespace, row.id])] : [];
      }
      return;
    case "nodes":
      for (const row of view.table(nodes).list(GLOBAL)) {
        if (isVisible(row)) yield [named("nodes", row.value.Name, [row.id])];
      }
      return;
    case "node_pools":
      for (const row of listNodePools(view)) if (isVisible(row)) yield [named("node_pools", row.id, [row.id])];
      return;
    case "namespaces":
      for (const row of listNamespaces(view)) if (isVisible(row)) yield [{ kind: "namespaces", match: { ID: row.id } }];
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
