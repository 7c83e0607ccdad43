import type { Compare, Op, RevisionChange, StoreErrorCode, StoreRecord, Txn } from "#base/state/store.ts";

/** What the worker is started with. */
export interface WorkerSettings {
  readonly folder: string;
  readonly historyRevisions: number;
  readonly historyRows: number;
  readonly maxBytes: number | undefined;
}

/** To the worker. Answered in the order they were sent; neighbouring transactions become one commit. */
export type Request =
  | { readonly kind: "txns"; readonly txns: readonly PackedTxn[] }
  | {
      readonly kind: "range";
      readonly prefix: string;
      readonly after: string | undefined;
      readonly limit: number;
      readonly revision: number | undefined;
    }
  /** One page; `scan` tells the scans apart that run at the same time. */
  | { readonly kind: "scan"; readonly scan: number; readonly prefix: string }
  | { readonly kind: "history"; readonly prefix: string; readonly from: number }
  | { readonly kind: "compact"; readonly revision: number }
  | { readonly kind: "close" };

/** From the worker. */
export type Reply =
  /** The folder is ours; the log is being loaded. */
  | { readonly kind: "held" }
  | { readonly kind: "opened"; readonly state: EngineState }
  /** Instead of either: nothing will be answered. */
  | { readonly kind: "refused"; readonly code: StoreErrorCode; readonly message: string }
  | { readonly kind: "txns"; readonly results: readonly PackedResult[]; readonly state: EngineState }
  | {
      readonly kind: "range";
      readonly records: readonly StoreRecord[];
      readonly revision: number;
      readonly more: boolean;
    }
  | { readonly kind: "scan"; readonly records: PackedRecords; readonly revision: number; readonly done: boolean }
  | {
      readonly kind: "history";
      readonly changes: readonly RevisionChange[];
      readonly next: number;
      readonly complete: boolean;
    }
  | { readonly kind: "state"; readonly state: EngineState }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly code: StoreErrorCode; readonly message: string };

export interface EngineState {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly keys: number;
  readonly bytes: number;
}

/** Copying objects between threads costs three times what copying strings does, so the common branch is flat. */
export interface PackedTxn {
  readonly compare: readonly Compare[] | undefined;
  readonly then: PackedBranch;
  readonly otherwise: PackedBranch | undefined;
}

/** Nothing but puts: key, value, key, value … */
export type PackedBranch = { readonly puts: readonly string[] } | { readonly ops: readonly Op[] };

export type PackedResult =
  | {
      readonly ok: boolean;
      readonly revision: number;
      /** Per op: create revision and version of a put, the count of a delete, the position in `got` (or -1) of a get. */
      readonly numbers: readonly number[];
      readonly got: readonly StoreRecord[];
      /** What deletes removed, in order. */
      readonly removed: readonly StoreRecord[];
      /** Whether it took the revision. */
      readonly wrote: boolean;
    }
  | { readonly code: StoreErrorCode; readonly message: string };

/** Key, value, key, value … and create revision, revision, version … */
export interface PackedRecords {
  readonly texts: readonly string[];
  readonly numbers: readonly number[];
}

export function packTxn(txn: Txn): PackedTxn {
  const { compare, then, otherwise } = txn;
  return { compare, then: packBranch(then), otherwise: otherwise === undefined ? undefined : packBranch(otherwise) };
}

export function unpackTxn({ compare, then, otherwise }: PackedTxn): Txn {
  return {
    compare: compare ?? [],
    then: unpackBranch(then),
    otherwise: otherwise === undefined ? [] : unpackBranch(otherwise),
  };
}

export function unpackRecords({ texts, numbers }: PackedRecords): StoreRecord[] {
  const records: StoreRecord[] = [];
  for (let text = 0, number = 0; text < texts.length; text += 2, number += 3) {
    records.push({
      key: texts[text] ?? "",
      value: texts[text + 1] ?? "",
      createRevision: numbers[number] ?? 0,
      modRevision: numbers[number + 1] ?? 0,
      version: numbers[number + 2] ?? 0,
    });
  }
  return records;
}

function packBranch(ops: readonly Op[]): PackedBranch {
  const puts: string[] = [];
  for (const op of ops) {
    if (op.op !== "put") return { ops: ops.map(withoutWritten) };
    puts.push(op.key, op.value);
  }
  return { puts };
}

/** The value itself stays on this side. */
function withoutWritten(op: Op): Op {
  return op.op === "put" ? { op: "put", key: op.key, value: op.value } : op;
}

function unpackBranch(branch: PackedBranch): readonly Op[] {
  if ("ops" in branch) return branch.ops;
  const ops: Op[] = [];
  for (let i = 0; i < branch.puts.length; i += 2) {
    ops.push({ op: "put", key: branch.puts[i] ?? "", value: branch.puts[i + 1] ?? "" });
  }
  return ops;
}
