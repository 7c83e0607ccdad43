import type { Table } from "#base/state/table.ts";
import {
  allocReports,
  allocs,
  deployments,
  evals,
  jobs,
  jobScalings,
  jobSubmissions,
  jobVersions,
  namespaces,
  nodePools,
  nodes,
  nodeStates,
  rootKeys,
  schedulerConfigurations,
  serviceRemovals,
  variables,
} from "#base/state/tables.ts";

/** What a view has to follow for the scheduler. */
export const schedulerTables: readonly Table<unknown>[] = [
  jobs,
  jobVersions,
  jobSubmissions,
  jobScalings,
  namespaces,
  nodePools,
  schedulerConfigurations,
  evals,
  allocs,
  allocReports,
  nodes,
  nodeStates,
  deployments,
  serviceRemovals,
  variables,
  rootKeys,
];
