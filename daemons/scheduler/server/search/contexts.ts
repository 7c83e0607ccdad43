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
  /** Whether whoever searches may see a thing; absent: everything. */
  readonly isVisible?: IsVisible;
}

/** `namespace` and `id` as in {@link Row}. */
export type IsVisible = (context: SearchContext, namespace: string, id: string) => boolean;

/** The scope's rule for one context. */
export function visibleIn({ isVisible }: SearchScope, context: SearchContext) {
  return ({ namespace, id }: { readonly namespace: string; readonly id: string }): boolean =>
    isVisible?.(context, namespace, id) ?? true;
}

/** The ids of a context that start so, in ascending order. */
export function idsOf(context: SearchContext, scope: SearchScope, prefix: string): Iterable<string> {
  const { view, namespace } = scope;
  const isVisible = visibleIn(scope, context);
  const rowIds = <T>(table: TableView<T>, from: string | undefined, start: string): Iterable<string> =>
    visibleIds(table.list(from, start), isVisible);
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
      return visibleIds(listNamespaces(view, prefix), isVisible);
    case "node_pools":
      return visibleIds(listNodePools(view, prefix), isVisible);
    case "scaling_policy":
      return [...scalingPolicies(view, namespace)]
        .filter((policy) => policy.id.startsWith(prefix) && isVisible(policy))
        .map(({ id }) => id)
        .toSorted();
    case "volumes":
      return new Set([...view.table(nodes).list()].flatMap(({ value }) => Object.keys(value.HostVolumes)))
        .values()
        .filter((name) => name.startsWith(prefix) && isVisible({ namespace: GLOBAL, id: name }));
    case "plugins":
      return [];
    default:
      return context satisfies never;
  }
}

function* visibleIds(
  rows: Iterable<{ readonly namespace: string; readonly id: string }>,
  isVisible: (row: { readonly namespace: string; readonly id: string }) => boolean,
): Generator<string, void, void> {
  for (const row of rows) if (isVisible(row)) yield row.id;
}
