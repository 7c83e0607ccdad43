import * as v from "valibot";
import type { Failure, Result } from "#base/env/errors.ts";
import { SOME, type Access, type CapabilityRule, type EachRule } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import { LongList } from "#base/http/long-list.ts";
import { queryText } from "#base/http/query.ts";
import type { StateAnswer } from "#base/http/route.ts";
import type { Row, Table } from "#base/state/table.ts";
import { jobs } from "#base/state/tables.ts";
import type { ClusterState } from "../server/cluster-state.ts";
import type { SchedulerServer } from "../server/server.ts";

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
  no_node: 409,
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

/** A line of a list, with what its filter may look at beside what is sent. */
export function withUnsent<T extends object>(line: T, fields: Readonly<Record<string, unknown>>): T {
  for (const [name, value] of Object.entries(fields))
    if (!Object.hasOwn(line, name)) Object.defineProperty(line, name, { value, enumerable: false });
  return line;
}

/** Ascending by creation, unique: how lists of things with random ids are paged. */
export function creationKey(item: unknown): string {
  const { CreateIndex, ID } = v.parse(v.object({ CreateIndex: v.number(), ID: v.string() }), item);
  return `${String(CreateIndex).padStart(16, "0")}.${ID}`;
}

export function byCreation<T extends { readonly CreateIndex: number; readonly ID: string }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => a.CreateIndex - b.CreateIndex || (a.ID < b.ID ? -1 : 1));
}

/** Rows by their creation, for lists of what may be many. */
export function rowsByCreation<T>(rows: Iterable<Row<T>>, of: (row: Row<T>) => unknown): LongList<Row<T>> {
  return new LongList([...rows], { of, order: (a, b) => a.createIndex - b.createIndex || (a.id < b.id ? -1 : 1) });
}

export function jobListKey(item: unknown): string {
  const { Namespace, ID } = v.parse(v.object({ Namespace: v.string(), ID: v.string() }), item);
  // Sorts before every character of a name, so that keys are in the order of (namespace, id).
  return `${Namespace}!${ID}`;
}

export function idKey(item: unknown): string {
  return v.parse(v.object({ ID: v.string() }), item).ID;
}

/** A rule of a namespaced list: each item is shown to whoever has the capability in its namespace. */
export function eachOf<R extends CapabilityRule>(rule: R, nameOf = namespaceOf): R & { readonly each: EachRule } {
  return { ...rule, each: { resource: rule.resource, capability: rule.capability, nameOf } };
}

/** A rule of something that is found by its id: the namespace it is in counts, whatever the query says. */
export function within<R extends CapabilityRule>(
  rule: R,
  find: (id: string) => { readonly namespace: string } | undefined,
): R & CapabilityRule {
  return {
    ...rule,
    of: ({ params, rawQuery }) => {
      const given = rawQuery.get("namespace")?.[0] ?? "";
      return find(params["id"] ?? "")?.namespace ?? (given === "" ? "default" : given);
    },
  };
}

/** A rule whose handler, asked about all namespaces (`*`), looks at those that are open to whoever asks. */
export function whereAllowed<R extends CapabilityRule>(rule: R): R & CapabilityRule {
  return {
    ...rule,
    of: ({ rawQuery }) => {
      const given = rawQuery.get("namespace")?.[0] ?? "";
      return given === "*" ? SOME : given === "" ? "default" : given;
    },
  };
}

/** A rule whose handler demands: only the body tells which one it is about. */
export function demanded<R extends CapabilityRule>(rule: R): R & CapabilityRule {
  return { ...rule, of: () => SOME };
}

function namespaceOf(item: unknown): string {
  return v.parse(v.object({ Namespace: v.string() }), item).Namespace;
}

export const readJob = { kind: "capability", resource: "namespace", capability: "read-job" } as const;
export const listJobs = { kind: "capability", resource: "namespace", capability: "list-jobs" } as const;
export const submitJob = { kind: "capability", resource: "namespace", capability: "submit-job" } as const;
/** A part of submitting jobs, which `submit-job` brings along. */
export function partOfSubmitting<const C extends string>(capability: C) {
  return { kind: "capability", resource: "namespace", capability } as const;
}
export const dispatchJob = { kind: "capability", resource: "namespace", capability: "dispatch-job" } as const;
export const mayParse = { kind: "capability", resource: "namespace", capability: "parse-job" } as const;
export const scaleJob = {
  kind: "capability",
  resource: "namespace",
  capability: "scale-job",
  or: "submit-job",
} as const;
/** How a job is scaled now. */
export const readScale = {
  kind: "capability",
  resource: "namespace",
  capability: "read-job-scaling",
  or: "read-job",
} as const;
/** Workloads have it too. */
export const readService = { kind: "capability", resource: "namespace", capability: "read-service" } as const;
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
export const saveSnapshot = { kind: "capability", resource: "operator", capability: "snapshot-save" } as const;
export const rotateKeyring = { kind: "capability", resource: "operator", capability: "keyring-rotate" } as const;
export const writeOperator = { kind: "capability", resource: "operator", capability: "write" } as const;

/** Operators may close the door while they repair something; who has a management token goes in all the same. */
export function refuseIfClosed(
  { server }: { readonly server: Pick<SchedulerServer, "configuration"> },
  { isManagement, requester }: Access,
): void {
  if (!server.configuration().RejectJobRegistration || (isManagement && requester.accessorId !== "")) return;
  throw new HttpError(403, "job registration, dispatch, and scale are disabled by the scheduler configuration");
}
