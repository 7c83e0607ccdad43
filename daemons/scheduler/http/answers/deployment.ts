import type { Deployment } from "#base/protocol/deployment.ts";
import type { Row } from "#base/state/table.ts";
import type { ClusterState } from "../../server/cluster-state.ts";
import { countedGroups } from "../../server/deploy/assess.ts";
import { NEVER } from "./time.ts";

/** With the counts as they are now. https://developer.hashicorp.com/nomad/api-docs/deployments */
export function deploymentAnswer(state: ClusterState, row: Row<Deployment>) {
  const allocs = state.deploymentAllocs(row.id);
  const groups = Object.entries(countedGroups(row.value, allocs)).map(([name, group]) => [
    name,
    { ...group, RequireProgressBy: group.RequireProgressBy === "" ? NEVER : group.RequireProgressBy },
  ]);
  const TaskGroups: unknown = Object.fromEntries(groups);
  return {
    ...row.value,
    TaskGroups,
    IsMultiregion: false,
    CreateIndex: row.createIndex,
    ModifyIndex: allocs.reduce((most, { modifyIndex }) => Math.max(most, modifyIndex), row.modifyIndex),
  };
}
