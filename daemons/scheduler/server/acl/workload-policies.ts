import type { JobAcl } from "#base/protocol/acl.ts";
import { aclPolicies } from "#base/state/tables.ts";
import type { Workload } from "../identity/workload-identities.ts";
import { DEFAULT_NAMESPACE } from "../tenancy/namespace.ts";
import type { AclContext } from "./acl-context.ts";

/** Names of the policies that are bound to the workload's job, group or task. */
export function policiesForWorkload({ server }: AclContext, workload: Workload): string[] {
  const bound = server.state.view.table(aclPolicies).by("job", workload.namespace);
  return [...bound].filter(({ value }) => isFor(value.JobACL, workload)).map(({ id }) => id);
}

/** An empty name stands for all. */
function isFor(bound: JobAcl, { namespace, jobId, group, task }: Workload): boolean {
  if (bound === null || bound.Namespace !== namespace) return false;
  const fits = (wanted: string, name: string): boolean => wanted === "" || wanted === name;
  return fits(bound.JobID, jobId) && fits(bound.Group, group) && fits(bound.Task, task);
}

/**
 * `<namespace>/<path>` of the variables that a workload may read without any policy.
 * https://developer.hashicorp.com/nomad/docs/concepts/variables#task-access-to-variables
 */
export function implicitPaths({ namespace, jobId, group, task }: Workload): ReadonlySet<string> {
  const job = `nomad/jobs/${jobId}`;
  const paths = ["nomad/jobs", job, `${job}/${group}`, `${job}/${group}/${task}`];
  return new Set(paths.map((path) => `${namespace}/${path}`));
}

/** Keys that a workload may use without any policy. */
export interface ImplicitKeys {
  readonly prefix: string;
  readonly isWritable: boolean;
}

const OWN: Readonly<Record<string, readonly string[]>> = { dhcp: ["lares/dhcp/", "lares/dhcp6/"] };
/** What one role tells another. */
const READS: Readonly<Record<string, readonly string[]>> = { dns: ["lares/dhcp/"] };

/**
 * What instances of a role share stands in `lares/<role>/`. Theirs without a policy in the namespace `default` only: who may run
 * jobs elsewhere must not reach the household's.
 */
export function implicitKeys({ namespace, role }: Workload): readonly ImplicitKeys[] {
  if (namespace !== DEFAULT_NAMESPACE || !/^[a-z]+$/.test(role)) return [];
  const own = (OWN[role] ?? [`lares/${role}/`]).map((prefix) => ({ prefix, isWritable: true }));
  return [...own, ...(READS[role] ?? []).map((prefix) => ({ prefix, isWritable: false }))];
}
