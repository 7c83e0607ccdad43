/**
 * What the store engine needs of etcd: its v3 API (https://etcd.io/docs/v3.5/learning/api/) in plain objects. Carried by
 * gRPC in `base/platform/etcd/`, imitated with its quirks in `sim/`. Revisions are etcd's own: an empty one stands at 1.
 */
export interface EtcdApi {
  /** Rejects with an {@link EtcdError}. `timeoutMs` is for this attempt alone. */
  txn(txn: EtcdTxn, timeoutMs: number): Promise<EtcdTxnResult>;
  range(request: EtcdRange, timeoutMs: number): Promise<EtcdRangeResult>;
  /** Forgets what was superseded before the revision. */
  compact(revision: number, timeoutMs: number): Promise<void>;
  /** Bytes the database takes on the disk of the member that answers. */
  size(timeoutMs: number): Promise<number>;
  watch(request: EtcdWatchRequest): EtcdWatch;
  /** Keys put with the lease go when it is not kept alive for its time to live. `id` is the caller's own choice. */
  grantLease(lease: { readonly id: number; readonly ttlSeconds: number }, timeoutMs: number): Promise<void>;
  /** False: there is no such lease any more. */
  keepLease(id: number, timeoutMs: number): Promise<boolean>;
  revokeLease(id: number, timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** One key, or all that begin with a prefix, or those of them after one key and before another. */
export type Span =
  | { readonly key: string }
  | { readonly prefix: string; readonly after?: string; readonly before?: string };

export interface EtcdKeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/** Over a span every key must hold; an empty one compares as version 0, and never holds for `value`. */
export type EtcdCompare = { readonly span: Span; readonly op: "=" | "!=" | "<" | ">" } & (
  | { readonly target: "version" | "create" | "mod"; readonly operand: number }
  | { readonly target: "value"; readonly operand: string }
);

export type EtcdOp =
  | { readonly op: "range"; readonly span: Span }
  | { readonly op: "put"; readonly key: string; readonly value: string; readonly lease?: number }
  | { readonly op: "delete"; readonly span: Span }
  | { readonly op: "txn"; readonly txn: EtcdTxn };

/** All compares of a tree of transactions are decided before its first op runs. */
export interface EtcdTxn {
  readonly compare: readonly EtcdCompare[];
  readonly success: readonly EtcdOp[];
  readonly failure: readonly EtcdOp[];
}

export type EtcdOpResult =
  | { readonly op: "range"; readonly records: readonly EtcdKeyValue[] }
  /** What the key held before; its value is left out. */
  | { readonly op: "put"; readonly previous: { readonly createRevision: number; readonly version: number } | undefined }
  | { readonly op: "delete"; readonly deleted: number }
  | { readonly op: "txn"; readonly succeeded: boolean; readonly responses: readonly EtcdOpResult[] };

export interface EtcdTxnResult {
  readonly revision: number;
  readonly succeeded: boolean;
  readonly responses: readonly EtcdOpResult[];
}

export interface EtcdRange {
  readonly span: Span;
  readonly limit?: number;
  readonly revision?: number;
  readonly countOnly?: boolean;
  /** Answered by the member at hand as it is, without asking the others. */
  readonly serializable?: boolean;
}

export interface EtcdRangeResult {
  /** The store's, not that of the records. */
  readonly revision: number;
  readonly records: readonly EtcdKeyValue[];
  readonly count: number;
  readonly more: boolean;
}

export type EtcdEvent =
  | { readonly kind: "put"; readonly record: EtcdKeyValue }
  | {
      readonly kind: "delete";
      readonly key: string;
      readonly modRevision: number;
      readonly previous: EtcdKeyValue | undefined;
    };

export interface EtcdWatchRequest {
  readonly span: Span;
  readonly startRevision: number;
  /** Whole revisions, in order. */
  readonly onEvents: (events: readonly EtcdEvent[]) => void;
  /** Nothing is to come at or before this revision. */
  readonly onProgress: (revision: number) => void;
  /** At most once, and never after `cancel`. */
  readonly onEnd: (end: EtcdWatchEnd) => void;
}

export type EtcdWatchEnd =
  | { readonly kind: "compacted"; readonly compactRevision: number }
  /** The member went, or lost the others: ask again from where it ended. */
  | { readonly kind: "lost"; readonly message: string };

export interface EtcdWatch {
  cancel(): void;
}

/**
 * `unavailable`: no answer, and the request may or may not have been carried out. All others: refused, nothing was done.
 */
export type EtcdErrorKind =
  | "unavailable"
  | "compacted"
  | "future_revision"
  | "no_space"
  | "too_large"
  | "denied"
  | "invalid";

export class EtcdError extends Error {
  override readonly name = "EtcdError";
  readonly kind: EtcdErrorKind;
  constructor(kind: EtcdErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
