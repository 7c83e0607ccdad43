/**
 * The one store: revisioned key-value data, modelled on etcd's API (https://etcd.io/docs/v3.5/learning/api/).
 * One revision per transaction that writes, cluster-wide and rising; it is the index of every blocking query.
 * Keys and values are text; values are JSON (see `table.ts`).
 */
export interface Store {
  /**
   * All of `compare` hold → `then`, else `otherwise`; atomically, durable when it resolves.
   * A transaction without effect (only ranges, or deletes that found nothing) takes no revision.
   * A key may be written once per branch. Rejects with a {@link StoreError}.
   */
  txn(txn: Txn): Promise<TxnResult>;
  /** A snapshot read, of the newest or (history permitting) an older revision. */
  range(request: RangeRequest): Promise<RangeResult>;
  /**
   * Every record under a prefix, in slices and in no particular order: how a view is built. Resolves with a revision;
   * records written after it may be left out, so follow it with a watch from the next one.
   */
  scan(request: ScanRequest): Promise<number>;
  /**
   * Every change at or after `fromRevision` under `prefix`, in order, one call per revision, with none left out.
   * `onRevision` must not throw. Ends with a reason when the history is compacted or the store closes.
   */
  watch(request: WatchRequest): Watch;
  /**
   * Forgets what was superseded up to `revision`: reads below it, and watches from it or below, then fail with
   * `compacted`.
   */
  compact(revision: number): Promise<void>;
  status(): StoreStatus;
  /** Settles what is in flight, then refuses. Idempotent. */
  close(): Promise<void>;
}

export interface StoreRecord {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Writes since it was created, from 1. */
  readonly version: number;
  /** What `value` says, where this process wrote it just now. */
  readonly written?: Written;
}

/**
 * The value a writer encoded, handed on to views of the same process, which then need not read the text again. Whoever
 * writes gives the value away: nobody may change it, or anything in it, from then on.
 */
export interface Written {
  /** The table's own definition; who finds another one reads the text. */
  readonly table: object;
  readonly value: unknown;
}

/** A missing key compares as version 0, revisions 0, value ''. */
export type Compare =
  | {
      readonly key: string;
      readonly target: "version" | "create" | "mod";
      readonly op: "=" | "!=" | "<" | ">";
      readonly operand: number;
    }
  | { readonly key: string; readonly target: "value"; readonly op: "=" | "!="; readonly operand: string };

export type Op =
  | {
      readonly op: "put";
      readonly key: string;
      readonly value: string;
      readonly written?: Written;
      /** The key goes when this lease of etcd's ends; engines of one server, whose leases would be their own, keep it. */
      readonly lease?: number;
    }
  | { readonly op: "delete"; readonly key: string }
  | { readonly op: "deletePrefix"; readonly prefix: string }
  | { readonly op: "get"; readonly key: string };

export interface Txn {
  readonly compare?: readonly Compare[];
  readonly then: readonly Op[];
  readonly otherwise?: readonly Op[];
}

export interface TxnResult {
  /** Whether `compare` held. */
  readonly ok: boolean;
  /** The store's revision after the transaction. */
  readonly revision: number;
  /** One per op of the branch taken. */
  readonly responses: readonly OpResult[];
}

export type OpResult =
  | { readonly op: "put"; readonly record: StoreRecord }
  | { readonly op: "delete" | "deletePrefix"; readonly deleted: number }
  | { readonly op: "get"; readonly record: StoreRecord | undefined };

export interface RangeRequest {
  readonly prefix: string;
  /** Only keys after this one, for pages. */
  readonly after?: string;
  readonly limit?: number;
  readonly revision?: number;
}

export interface RangeResult {
  /** In ascending order of key (UTF-8 bytes). */
  readonly records: readonly StoreRecord[];
  readonly revision: number;
  readonly more: boolean;
}

export interface ScanRequest {
  readonly prefix: string;
  /** Must not throw. */
  readonly onRecords: (records: readonly StoreRecord[]) => void;
}

export interface WatchRequest {
  readonly prefix: string;
  /** 0 or absent: only what comes after now. */
  readonly fromRevision?: number;
  readonly onRevision: (change: RevisionChange) => void;
  readonly onEnd: (reason: WatchEnd) => void;
}

/** All of one revision's changes under the watched prefix, in the order they were written. */
export interface RevisionChange {
  readonly revision: number;
  readonly changes: readonly Change[];
}

export type Change =
  | { readonly kind: "put"; readonly record: StoreRecord }
  /** `previous` is undefined when the history no longer holds it. */
  | { readonly kind: "delete"; readonly key: string; readonly previous: StoreRecord | undefined };

export type WatchEnd =
  | { readonly kind: "cancelled" }
  | { readonly kind: "closed" }
  | { readonly kind: "compacted"; readonly compactedRevision: number }
  | { readonly kind: "failed"; readonly error: StoreError };

export interface Watch {
  cancel(): void;
}

export interface StoreStatus {
  readonly engine: "memory" | "sqlite" | "etcd";
  readonly revision: number;
  readonly compactedRevision: number;
  readonly keys: number;
  /** On disk; 0 in memory. */
  readonly bytes: number;
  readonly transactionsInFlight: number;
}

/** A transaction may carry this many ops; larger writes are cut by the caller. Above: `too_large`. */
export const MAX_TXN_OPS = 10_000;
/** Longest key and largest value. Above: `too_large`. */
export const MAX_KEY_BYTES = 4096;
export const MAX_VALUE_BYTES = 1_400_000;
/** All keys and values of one transaction together. Above: `too_large`. */
export const MAX_TXN_BYTES = 32 << 20;
/** Transactions waiting for the disk. Above: `unavailable`, and nothing was written. */
export const MAX_TXNS_IN_FLIGHT = 20_000;
/** Revisions kept for watches and reads of the past; older ones are compacted away in the background. */
export const HISTORY_REVISIONS = 10_000;
/** Superseded records kept for the same; a burst of large transactions shortens the history to this. */
export const HISTORY_ROWS = 500_000;

export type StoreErrorCode =
  | "closed"
  | "full"
  | "io"
  | "busy"
  | "corrupt"
  | "foreign_version"
  | "compacted"
  | "future_revision"
  | "too_large"
  | "duplicate_key"
  | "bad_key"
  | "unavailable"
  | "not_leader";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
