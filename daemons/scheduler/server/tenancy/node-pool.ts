import * as v from "valibot";
import { GLOBAL } from "#base/protocol/keys.ts";
import { NodePoolSchema, type NodePool } from "#base/protocol/node-pool.ts";
import type { SchedulerConfiguration } from "#base/protocol/scheduler-configuration.ts";
import type { Row, View } from "#base/state/table.ts";
import { nodePools } from "#base/state/tables.ts";
import { configurationOf } from "../configuration.ts";

/** Every node is in it; no node is registered in it. */
export const ALL_POOL = "all";
export const DEFAULT_POOL = "default";

const BUILT_IN = [
  builtIn(ALL_POOL, "Node pool with all nodes in the cluster."),
  builtIn(DEFAULT_POOL, "Default node pool."),
];

export function isBuiltInPool(name: string): boolean {
  return name === ALL_POOL || name === DEFAULT_POOL;
}

export function findNodePool(view: View, name: string): Row<NodePool> | undefined {
  return BUILT_IN.find(({ id }) => id === name) ?? view.table(nodePools).get(GLOBAL, name);
}

/** In order of name. */
export function listNodePools(view: View, prefix = ""): Row<NodePool>[] {
  const rows = [...view.table(nodePools).list(GLOBAL, prefix), ...BUILT_IN.filter(({ id }) => id.startsWith(prefix))];
  return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** How the scheduler works for jobs of a pool: as the cluster, but for what the pool sets itself. */
export function poolConfiguration(view: View, pool: string): SchedulerConfiguration {
  const cluster = configurationOf(view);
  const own = findNodePool(view, pool)?.value.SchedulerConfiguration ?? null;
  if (own === null) return cluster;
  return {
    ...cluster,
    SchedulerAlgorithm: own.SchedulerAlgorithm === "" ? cluster.SchedulerAlgorithm : own.SchedulerAlgorithm,
    MemoryOversubscriptionEnabled: own.MemoryOversubscriptionEnabled ?? cluster.MemoryOversubscriptionEnabled,
  };
}

function builtIn(Name: string, Description: string): Row<NodePool> {
  const value = v.parse(NodePoolSchema, { Name, Description });
  return { namespace: GLOBAL, id: Name, value, createIndex: 1, modifyIndex: 1 };
}
