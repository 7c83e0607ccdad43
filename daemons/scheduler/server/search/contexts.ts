import { GLOBAL } from "#base/protocol/keys.ts";
import type { TableView, View } from "#base/state/table.ts";
import { allocs, deployments, evals, jobs, nodes, variables } from "#base/state/tables.ts";
import { scalingPolicies } from "../scaling/scaling-policy.ts";
import { listNamespaces } from "../tenancy/namespace.ts";
import { listNodePools } from "../tenancy/node-pool.ts";

/** https://developer.hashicorp.com/nomad/api-docs/search */
export const CONTEXTS = [
  "allocs",
  "deployment",
  "evals",
  "jobs",
  "namespaces",
  "node_pools",
  "nodes",
  "plugins",
  "scaling_policy",
  "vars",
  "volumes",
] as const;
export type SearchContext = (typeof CONTEXTS)[number];

/** Contexts the API names and whose things do not exist here. */
export const FOREIGN_CONTEXTS: readonly string[] = ["quotas", "recommendations"];

export interface SearchScope {
  readonly view: View;
  /** Undefined: all of them. */
  readonly namespace: string | undefined;
}

/** The ids of a context that start so, in ascending order. */
export function idsOf(context: SearchContext, { view, namespace }: SearchScope, prefix: string): Iterable<string> {
  switch (context) {
    case "jobs":
      return rowIds(view.table(jobs), namespace, prefix);
    case "evals":
      return rowIds(view.table(evals), namespace, prefix);
    case "allocs":
      return rowIds(view.table(allocs), namespace, prefix);
    case "deployment":
      return rowIds(view.table(deployments), namespace, prefix);
    case "vars":
      return rowIds(view.table(variables), namespace, prefix);
    case "nodes":
      return rowIds(view.table(nodes), GLOBAL, prefix);
    case "namespaces":
      return listNamespaces(view, prefix).map(({ id }) => id);
    case "node_pools":
      return listNodePools(view, prefix).map(({ id }) => id);
    case "scaling_policy":
      return [...scalingPolicies(view, namespace)]
        .map(({ id }) => id)
        .filter((id) => id.startsWith(prefix))
        .toSorted();
    case "volumes":
      return new Set([...view.table(nodes).list()].flatMap(({ value }) => Object.keys(value.HostVolumes)))
        .values()
        .filter((name) => name.startsWith(prefix));
    case "plugins":
      return [];
    default:
      return context satisfies never;
  }
}

function* rowIds<T>(table: TableView<T>, namespace: string | undefined, prefix: string): Generator<string, void, void> {
  for (const { id } of table.list(namespace, prefix)) yield id;
}
