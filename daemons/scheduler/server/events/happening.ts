import type { AclPolicy, AclRole, AclToken, AuthMethod, BindingRule } from "#base/protocol/acl.ts";
import type { Deployment } from "#base/protocol/deployment.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import type { HostVolume } from "#base/protocol/host-volume.ts";
import type { Job } from "#base/protocol/job.ts";
import type { NodePool } from "#base/protocol/node-pool.ts";
import type { Node, NodeState } from "#base/protocol/node.ts";
import type { StoredVariable } from "#base/protocol/variable.ts";
import type { Row, ViewChange, ViewRowChange } from "#base/state/table.ts";
import {
  aclPolicies,
  aclRoles,
  aclTokens,
  allocReports,
  allocs,
  authMethods,
  bindingRules,
  deployments,
  evals,
  hostVolumes,
  jobs,
  nodePools,
  nodes,
  nodeStates,
  variables,
} from "#base/state/tables.ts";
import type { KnownAlloc } from "../alloc-state.ts";
import type { ClusterState } from "../cluster-state.ts";

/** What one written record was about, with the records as they were then. Undefined rows: gone. */
export type Happening =
  | { readonly of: "job"; readonly at: At; readonly row: Row<Job> | undefined; readonly collected: boolean }
  | { readonly of: "alloc"; readonly at: At; readonly cause: "plan" | "report"; readonly known: KnownAlloc }
  | { readonly of: "eval"; readonly at: At; readonly row: Row<Evaluation> }
  | { readonly of: "deployment"; readonly at: At; readonly row: Row<Deployment> }
  | {
      readonly of: "node";
      readonly at: At;
      readonly cause: "registration" | "state";
      readonly row: Row<Node> | undefined;
      readonly state: Row<NodeState> | undefined;
    }
  | { readonly of: "pool"; readonly at: At; readonly row: Row<NodePool> | undefined }
  | { readonly of: "variable"; readonly at: At; readonly row: Row<StoredVariable> | undefined }
  | { readonly of: "volume"; readonly at: At; readonly row: Row<HostVolume> | undefined }
  | { readonly of: "token"; readonly at: At; readonly row: Row<AclToken> | undefined }
  | { readonly of: "policy"; readonly at: At; readonly row: Row<AclPolicy> | undefined }
  | { readonly of: "role"; readonly at: At; readonly row: Row<AclRole> | undefined }
  | { readonly of: "method"; readonly at: At; readonly row: Row<AuthMethod> | undefined }
  | { readonly of: "rule"; readonly at: At; readonly row: Row<BindingRule> | undefined };

export interface At {
  readonly namespace: string;
  readonly id: string;
}

export function happeningsOf(state: ClusterState, { rows }: ViewChange): Happening[] {
  // A person who purges a job leaves an evaluation; the collector does not.
  const collected = !rows.some(({ table, kind }) => table === evals.name && kind === "put");
  return rows.flatMap((row) => happeningOf(state, row, collected) ?? []);
}

function happeningOf(
  state: ClusterState,
  { table, namespace, id }: ViewRowChange,
  collected: boolean,
): Happening | undefined {
  const at = { namespace, id };
  switch (table) {
    case jobs.name:
      return { of: "job", at, row: state.job(namespace, id), collected };
    case allocs.name:
    case allocReports.name: {
      const row = state.alloc(namespace, id);
      if (row === undefined) return undefined;
      return { of: "alloc", at, cause: table === allocs.name ? "plan" : "report", known: state.known(row) };
    }
    case evals.name: {
      const row = state.evaluation(namespace, id);
      return row === undefined ? undefined : { of: "eval", at, row };
    }
    case deployments.name: {
      const row = state.deploymentById(id);
      return row === undefined ? undefined : { of: "deployment", at, row };
    }
    case nodes.name:
    case nodeStates.name: {
      const cause = table === nodes.name ? "registration" : "state";
      return { of: "node", at, cause, row: state.node(id), state: state.nodeState(id) };
    }
    case nodePools.name:
      return { of: "pool", at, row: state.view.table(nodePools).get(namespace, id) };
    case variables.name:
      return { of: "variable", at, row: state.view.table(variables).get(namespace, id) };
    case hostVolumes.name:
      return { of: "volume", at, row: state.view.table(hostVolumes).get(namespace, id) };
    default:
      return aclHappening(state, table, at);
  }
}

function aclHappening({ view }: ClusterState, table: string, at: At): Happening | undefined {
  switch (table) {
    case aclTokens.name:
      return { of: "token", at, row: view.table(aclTokens).get(at.namespace, at.id) };
    case aclPolicies.name:
      return { of: "policy", at, row: view.table(aclPolicies).get(at.namespace, at.id) };
    case aclRoles.name:
      return { of: "role", at, row: view.table(aclRoles).get(at.namespace, at.id) };
    case authMethods.name:
      return { of: "method", at, row: view.table(authMethods).get(at.namespace, at.id) };
    case bindingRules.name:
      return { of: "rule", at, row: view.table(bindingRules).get(at.namespace, at.id) };
    default:
      return undefined;
  }
}
