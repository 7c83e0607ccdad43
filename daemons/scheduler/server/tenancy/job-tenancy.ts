import { matchGlob } from "#base/language/glob.ts";
import type { Job } from "#base/protocol/job.ts";
import type { NamespaceNodePools, StoredNamespace } from "#base/protocol/namespace.ts";
import type { View } from "#base/state/table.ts";
import { findNamespace } from "./namespace.ts";
import { DEFAULT_POOL, findNodePool } from "./node-pool.ts";

/** A job that names no pool goes where its namespace sends it. Before the job's other defaults are filled in. */
export function withPool(view: View, job: Job, namespace: string): Job {
  if (job.NodePool !== "") return job;
  const own = findNamespace(view, namespace)?.value.NodePoolConfiguration?.Default ?? "";
  return { ...job, NodePool: own === "" ? DEFAULT_POOL : own };
}

/** What a canonical job may not do in the namespace and pool it names; empty: nothing is wrong. */
export function tenancyProblems(view: View, job: Job): string[] {
  const namespace = findNamespace(view, job.Namespace)?.value;
  if (namespace === undefined || namespace.Deleting) {
    return [`job "${job.ID}" is in nonexistent namespace "${job.Namespace}"`];
  }
  const problems = [...capabilityProblems(namespace, job)];
  if (findNodePool(view, job.NodePool) === undefined) {
    problems.push(`job "${job.ID}" is in nonexistent node pool "${job.NodePool}"`);
  } else if (!isAllowedPool(namespace.NodePoolConfiguration, job.NodePool)) {
    problems.push(`node pool "${job.NodePool}" is not allowed in namespace "${job.Namespace}"`);
  }
  return problems;
}

function* capabilityProblems({ Capabilities, Name }: StoredNamespace, job: Job): Generator<string, void, void> {
  if (Capabilities === null) return;
  const drivers = new Set(job.TaskGroups.flatMap(({ Tasks }) => Tasks.map(({ Driver }) => Driver)));
  const refused = [...drivers].filter(
    (driver) => !isAllowed(driver, Capabilities.EnabledTaskDrivers, Capabilities.DisabledTaskDrivers),
  );
  if (refused.length > 0) yield `used task drivers ${quoted(refused)} are not allowed in namespace "${Name}"`;
  const modes = new Set(
    job.TaskGroups.flatMap(({ Networks }) => Networks.map(({ Mode }) => (Mode === "" ? "host" : Mode))),
  );
  const refusedModes = [...modes].filter(
    (mode) => !isAllowed(mode, Capabilities.EnabledNetworkModes, Capabilities.DisabledNetworkModes),
  );
  if (refusedModes.length > 0) {
    yield `used group network modes ${quoted(refusedModes)} are not allowed in namespace "${Name}"`;
  }
}

function isAllowed(name: string, enabled: readonly string[], disabled: readonly string[]): boolean {
  return (enabled.length === 0 || enabled.includes(name)) && !disabled.includes(name);
}

function isAllowedPool(pools: NamespaceNodePools | null, name: string): boolean {
  if (pools === null || name === (pools.Default === "" ? DEFAULT_POOL : pools.Default)) return true;
  if (pools.Allowed.length > 0) return pools.Allowed.some((glob) => matchGlob(glob, name));
  return !pools.Denied.some((glob) => matchGlob(glob, name));
}

function quoted(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(" ")}]`;
}
