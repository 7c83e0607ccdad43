import { CodedError } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { KvEntry } from "#base/protocol/kv.ts";
import { absent, present, unchanged } from "#base/state/codec.ts";
import type { Compare, Op, Store } from "#base/state/store.ts";
import type { Row, View } from "#base/state/table.ts";
import { kv, sessions } from "#base/state/tables.ts";
import { kvCompare, kvOp, type KvStore } from "./kv-store.ts";
import type { KvWrite } from "./kv-write.ts";

/** Operations of one transaction. */
export const MAX_TXN_OPERATIONS = 128;
const MAX_ATTEMPTS = 100;

/** https://developer.hashicorp.com/consul/api-docs/txn */
export type TxnOperation =
  | { readonly kind: "write"; readonly write: KvWrite }
  | { readonly kind: "get" | "get-or-empty" | "check-not-exists"; readonly key: string }
  | { readonly kind: "get-tree"; readonly key: string }
  | { readonly kind: "delete-tree"; readonly key: string }
  | { readonly kind: "check-index"; readonly key: string; readonly index: number }
  | { readonly kind: "check-session"; readonly key: string; readonly session: string };

export interface TxnError {
  readonly index: number;
  readonly what: string;
}

export type TxnOutcome =
  | { readonly ok: true; readonly index: number; readonly results: readonly TxnResultRow[] }
  | { readonly ok: false; readonly errors: readonly TxnError[] };

/** An entry an operation answers with; written ones come without their value. */
export interface TxnResultRow {
  readonly row: Row<KvEntry>;
  readonly withValue: boolean;
}

interface Plan {
  readonly compare: Compare[];
  readonly ops: Map<string, Op>;
  /** Indexes that are 0 are the transaction's own, not known before it is committed. */
  readonly results: TxnResultRow[];
  readonly errors: TxnError[];
  /** Entries as they are after the operations so far; undefined: deleted. */
  readonly written: Map<string, KvEntry | undefined>;
}

/**
 * All operations or none. They are decided against one state of the view, in order, each seeing what the ones before it
 * wrote; the store then commits only if every key that was looked at is unchanged, and else it is decided again.
 */
export async function runTransaction(
  deps: { readonly store: Store; readonly view: View; readonly kv: KvStore },
  operations: readonly TxnOperation[],
): Promise<TxnOutcome> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const plan = decide(deps, operations);
    if (plan.errors.length > 0) return { ok: false, errors: plan.errors };
    const ops = [...plan.ops.values()];
    if (ops.length === 0) return { ok: true, index: deps.view.index, results: resultsOf(plan, deps.view.index) };
    const done = await deps.store.txn({ compare: plan.compare, then: ops });
    await deps.view.reached(done.revision);
    if (done.ok) return { ok: true, index: done.revision, results: resultsOf(plan, done.revision) };
  }
  throw new CodedError("contended", `the transaction met others ${MAX_ATTEMPTS} times`);
}

function decide(deps: { readonly view: View; readonly kv: KvStore }, operations: readonly TxnOperation[]): Plan {
  const plan: Plan = { compare: [], ops: new Map(), results: [], errors: [], written: new Map() };
  for (const [index, operation] of operations.entries()) {
    const problem =
      operation.kind === "write" ? decideWrite(deps, plan, operation.write) : decideOther(deps, plan, operation);
    if (problem !== undefined) plan.errors.push({ index, what: problem });
  }
  return plan;
}

/** The entry as this transaction sees it: what it wrote itself has index 0 until it is committed. */
function seen(deps: { readonly kv: KvStore }, plan: Plan, key: string): Row<KvEntry> | undefined {
  const stored = deps.kv.get(key);
  if (!plan.written.has(key)) return stored;
  const entry = plan.written.get(key);
  return entry === undefined
    ? undefined
    : { namespace: GLOBAL, id: key, value: entry, createIndex: stored?.createIndex ?? 0, modifyIndex: 0 };
}

/** Everything under a prefix, as {@link seen}; what is read here must be unchanged when the transaction commits. */
function seenUnder(deps: { readonly kv: KvStore }, plan: Plan, prefix: string): readonly Row<KvEntry>[] {
  const keys = new Set([...plan.written.keys()].filter((key) => key.startsWith(prefix)));
  for (const row of deps.kv.list(prefix)) {
    keys.add(row.id);
    if (!plan.written.has(row.id)) plan.compare.push(unchanged(kv, row));
  }
  return [...keys].toSorted().flatMap((key) => seen(deps, plan, key) ?? []);
}

function decideWrite(
  deps: { readonly view: View; readonly kv: KvStore },
  plan: Plan,
  write: KvWrite,
): string | undefined {
  if (write.verb === "lock" && deps.view.table(sessions).get(GLOBAL, write.session) === undefined) {
    return `invalid session ${JSON.stringify(write.session)}`;
  }
  const stored = deps.kv.get(write.key);
  const current = seen(deps, plan, write.key);
  const decision = deps.kv.decide(write, current);
  if (decision.kind === "refuse") return `failed to ${write.verb} key ${JSON.stringify(write.key)}: ${decision.reason}`;
  if (plan.written.has(write.key)) {
    if (write.verb === "lock") plan.compare.push(present(sessions, GLOBAL, write.session));
  } else plan.compare.push(...kvCompare(write, stored));
  const entry = decision.kind === "put" ? decision.entry : decision.kind === "keep" ? current?.value : undefined;
  plan.written.set(write.key, entry);
  if (decision.kind === "delete" && stored === undefined) plan.ops.delete(write.key);
  else if (decision.kind !== "keep") plan.ops.set(write.key, kvOp(write.key, decision));
  if (entry !== undefined) {
    const kept = decision.kind === "keep" ? current : undefined;
    const fresh = {
      namespace: GLOBAL,
      id: write.key,
      value: entry,
      createIndex: stored?.createIndex ?? 0,
      modifyIndex: 0,
    };
    plan.results.push({ row: kept ?? fresh, withValue: false });
  }
  return undefined;
}

function decideOther(
  deps: { readonly view: View; readonly kv: KvStore },
  plan: Plan,
  operation: Exclude<TxnOperation, { kind: "write" }>,
): string | undefined {
  const { key } = operation;
  const quoted = JSON.stringify(key);
  if (operation.kind === "get-tree" || operation.kind === "delete-tree") {
    for (const row of seenUnder(deps, plan, key)) {
      if (operation.kind === "get-tree") plan.results.push({ row, withValue: true });
      else decideWrite(deps, plan, { verb: "delete", key: row.id });
    }
    return undefined;
  }
  const stored = deps.kv.get(key);
  const row = seen(deps, plan, key);
  if (!plan.written.has(key)) plan.compare.push(stored === undefined ? absent(kv, GLOBAL, key) : unchanged(kv, stored));
  switch (operation.kind) {
    case "get":
    case "get-or-empty":
      if (row !== undefined) plan.results.push({ row, withValue: true });
      return row === undefined && operation.kind === "get" ? `key ${quoted} doesn't exist` : undefined;
    case "check-not-exists":
      return row === undefined ? undefined : `key ${quoted} exists`;
    case "check-index":
      if (row === undefined) return `key ${quoted} doesn't exist`;
      return row.modifyIndex === operation.index
        ? undefined
        : `current modify index ${row.modifyIndex} does not match ${operation.index}`;
    case "check-session":
      if (row === undefined) return `key ${quoted} doesn't exist`;
      return row.value.Session === operation.session
        ? undefined
        : `key ${quoted} is not held by session ${JSON.stringify(operation.session)}`;
    default:
      return operation satisfies never;
  }
}

function resultsOf(plan: Plan, revision: number): readonly TxnResultRow[] {
  return plan.results.map(({ row, withValue }) => {
    const { createIndex, modifyIndex } = row;
    return { row: { ...row, createIndex: createIndex || revision, modifyIndex: modifyIndex || revision }, withValue };
  });
}
