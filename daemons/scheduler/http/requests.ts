import * as v from "valibot";
import type { Failure, Result } from "#base/env/errors.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import type { StateAnswer } from "#base/http/route.ts";
import type { Table } from "#base/state/table.ts";
import { jobs } from "#base/state/tables.ts";
import type { ClusterState } from "../server/cluster-state.ts";

/** Every route of a namespaced thing takes it; `*` means all where a list is read. */
export const namespaced = { namespace: v.optional(v.string(), "default") };
export const listed = { ...namespaced, prefix: queryText };

/** For {@link Row} lists: undefined is all namespaces. */
export function namespaceFilter(namespace: string): string | undefined {
  return namespace === "*" ? undefined : namespace === "" ? "default" : namespace;
}

export function oneNamespace(namespace: string): string {
  if (namespace === "*") throw new HttpError(400, "wildcard namespace is not allowed here");
  return namespace === "" ? "default" : namespace;
}

/** The newest change of any of these tables. */
export function newestOf({ view }: ClusterState, tables: readonly Table<unknown>[]): number {
  return tables.reduce((most, table) => Math.max(most, view.table(table).lastIndex), 1);
}

export function missingJob(state: ClusterState): StateAnswer {
  return { index: newestOf(state, [jobs]), value: undefined, missing: "job not found" };
}

const STATUS: Readonly<Record<string, number>> = {
  not_found: 404,
  check_index: 400,
  terminal: 400,
  unhealthy: 400,
  no_canaries: 400,
  unknown_group: 400,
  foreign_alloc: 400,
  no_allocs: 400,
  not_blocked: 400,
  draining: 400,
  not_evaluable: 400,
  not_periodic: 400,
  bad_dispatch: 400,
  conflict: 409,
  bad_version: 400,
  bad_tag: 400,
  bad_count: 400,
  no_group: 400,
  not_scalable: 400,
  deploying: 400,
  invalid: 400,
  broker_runs: 400,
  in_use: 409,
  no_key: 500,
  corrupt: 500,
};

/** The value, or the failure as the answer its users know. */
export function orThrow<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new HttpError(STATUS[result.error.code] ?? 500, failureText(result.error));
}

function failureText({ message, hint }: Failure): string {
  return hint === undefined ? message : `${message} (${hint})`;
}

/** Ascending by creation, unique: how lists of things with random ids are paged. */
export function creationKey(item: unknown): string {
  const { CreateIndex, ID } = v.parse(v.object({ CreateIndex: v.number(), ID: v.string() }), item);
  return `${String(CreateIndex).padStart(16, "0")}.${ID}`;
}

export function byCreation<T extends { readonly CreateIndex: number; readonly ID: string }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => a.CreateIndex - b.CreateIndex || (a.ID < b.ID ? -1 : 1));
}

export function jobListKey(item: unknown): string {
  const { Namespace, ID } = v.parse(v.object({ Namespace: v.string(), ID: v.string() }), item);
  // Sorts before every character of a name, so that keys are in the order of (namespace, id).
  return `${Namespace}!${ID}`;
}

export function idKey(item: unknown): string {
  return v.parse(v.object({ ID: v.string() }), item).ID;
}

export const readJob = { kind: "capability", resource: "namespace", capability: "read-job" } as const;
export const listJobs = { kind: "capability", resource: "namespace", capability: "list-jobs" } as const;
export const submitJob = { kind: "capability", resource: "namespace", capability: "submit-job" } as const;
export const scaleJob = { kind: "capability", resource: "namespace", capability: "scale-job" } as const;
export const allocLifecycle = { kind: "capability", resource: "namespace", capability: "alloc-lifecycle" } as const;
export const readNode = { kind: "capability", resource: "node", capability: "read" } as const;
export const writeNode = { kind: "capability", resource: "node", capability: "write" } as const;
export const readAgent = { kind: "capability", resource: "agent", capability: "read" } as const;
export const writeAgent = { kind: "capability", resource: "agent", capability: "write" } as const;
export const readNodePool = { kind: "capability", resource: "node-pool", capability: "read" } as const;
export const writeNodePool = { kind: "capability", resource: "node-pool", capability: "write" } as const;
/** Only for management tokens. */
export const management = { kind: "capability", resource: "management", capability: "write" } as const;
export const readOperator = { kind: "capability", resource: "operator", capability: "read" } as const;
export const writeOperator = { kind: "capability", resource: "operator", capability: "write" } as const;
