import type { Op, Txn, TxnResult } from "../store.ts";
import type { EtcdCompare, EtcdOp, EtcdTxn } from "./api.ts";
import type { Footprint } from "./claims.ts";
import { branchOn, encodeTxn, straightCompares } from "./encode-txn.ts";
import { shown } from "./hidden.ts";

/** Independent transactions that share one of etcd's. */
export const MAX_BATCH_TXNS = 256;
/** Those among them whose effect is known only to etcd: each nests the batch's mark one deeper. */
export const MAX_BATCH_CONDITIONAL = 64;
export const MAX_BATCH_OPS = 2000;
export const MAX_BATCH_BYTES = 1 << 20;

/** Questions that lead to a mark: where there would be more, it is put without asking. */
const MAX_QUESTIONS = 500;

/** A transaction on its way. */
export interface Submitted {
  readonly txn: Txn;
  readonly footprint: Footprint;
  /** Roughly. */
  readonly bytes: number;
  readonly ops: number;
  readonly conditional: boolean;
  readonly resolve: (result: TxnResult) => void;
  readonly reject: (error: Error) => void;
}

/** Where a writer marks what it wrote: the key, and the revision it is known to have. */
export interface Mark {
  readonly key: string;
  readonly modRevision: number;
  /** This batch's own. */
  readonly value: string;
}

/** How full a batch is. */
export class BatchRoom {
  #txns = 0;
  #conditional = 0;
  #ops = 0;
  #bytes = 0;

  /** The first always fits. */
  take(submitted: Submitted): boolean {
    const txns = this.#txns + 1;
    const conditional = this.#conditional + (submitted.conditional ? 1 : 0);
    const ops = this.#ops + submitted.ops;
    const bytes = this.#bytes + submitted.bytes;
    const fits =
      txns <= MAX_BATCH_TXNS &&
      conditional <= MAX_BATCH_CONDITIONAL &&
      ops <= MAX_BATCH_OPS &&
      bytes <= MAX_BATCH_BYTES;
    if (!fits && this.#txns > 0) return false;
    this.#txns = txns;
    this.#conditional = conditional;
    this.#ops = ops;
    this.#bytes = bytes;
    return true;
  }
}

/** Whether the transaction writes for certain: it then needs no questions to be marked. */
export function isConditional({ compare = [], then, otherwise = [] }: Txn): boolean {
  return !hasPut(then) || (compare.length > 0 && !hasPut(otherwise));
}

/**
 * The batch as one transaction that can be sent again without harm: it is carried out only while the mark is as it was, and
 * moves the mark when it has any effect (`force`: whenever it might have one), so that a repetition says no and whoever asks
 * can see at which revision it took place. Without effect it takes no revision.
 *
 * Etcd holds back at its quota what puts in the two branches themselves, and looks into none that is nested (seen with 3.4.23): a put
 * beside the answer to a repetition makes the batch weigh something.
 */
export function encodeBatch(txns: readonly Txn[], mark: Mark, force: boolean): EtcdTxn {
  const put: EtcdOp = { op: "put", key: mark.key, value: mark.value };
  const effect = markWhere(txns, put);
  // What only reads is never marked: it may be asked again as it is, also where etcd takes no writes.
  const marking = force && effect !== undefined ? put : effect;
  const success = txns.map((txn): EtcdOp => ({ op: "txn", txn: encodeTxn(txn) }));
  const weight: EtcdOp[] = txns.some(mayPut) ? [{ op: "put", key: `${mark.key}/repeated`, value: "" }] : [];
  return {
    compare: [{ span: { key: mark.key }, target: "mod", op: "=", operand: mark.modRevision }],
    success: marking === undefined ? success : [...success, marking],
    failure: [{ op: "range", span: { key: mark.key } }, ...weight],
  };
}

/**
 * Puts the mark where one of the transactions will write: a chain of questions that ends at the first yes. What stands in both branches of
 * a question is said twice, so that a chain of many such would grow beyond all bounds: then the mark is put in any case, which costs a
 * revision at most.
 */
function markWhere(txns: readonly Txn[], put: EtcdOp): EtcdOp | undefined {
  const sizes = new Map<EtcdOp, number>();
  let chain: EtcdOp | undefined;
  for (const txn of txns.toReversed()) {
    chain = markUnless(txn, put, chain);
    if (chain !== undefined && questions(chain, sizes) > MAX_QUESTIONS) return put;
  }
  return chain;
}

/** As it will be sent; each part is counted once, and as often as it stands there. */
function questions(op: EtcdOp, sizes: Map<EtcdOp, number>): number {
  if (op.op !== "txn") return 0;
  const known = sizes.get(op);
  if (known !== undefined) return known;
  let size = 1;
  for (const branch of [op.txn.success, op.txn.failure]) for (const each of branch) size += questions(each, sizes);
  sizes.set(op, size);
  return size;
}

function markUnless(txn: Txn, put: EtcdOp, next: EtcdOp | undefined): EtcdOp | undefined {
  const { compare = [], then, otherwise = [] } = txn;
  const rest = next === undefined ? [] : [next];
  const straight = straightCompares(compare);
  // Both asked at once: what comes next is said once only.
  if (straight !== undefined && !hasPut(then) && otherwise.length === 0)
    return markDeletes(then, { put, rest, compare: straight })[0];
  const whenThen = hasPut(then) ? [put] : markDeletes(then, { put, rest });
  const whenOtherwise = hasPut(otherwise) ? [put] : markDeletes(otherwise, { put, rest });
  if (whenThen === rest && whenOtherwise === rest) return next;
  if (compare.length === 0) return whenThen[0];
  if (whenThen[0] === put && whenOtherwise[0] === put) return put;
  return { op: "txn", txn: branchOn(compare, whenThen, whenOtherwise) };
}

export function mayPut({ then, otherwise = [] }: Txn): boolean {
  return hasPut(then) || hasPut(otherwise);
}

function hasPut(ops: readonly Op[]): boolean {
  return ops.some(({ op }) => op === "put");
}

interface Marking {
  readonly put: EtcdOp;
  readonly rest: readonly EtcdOp[];
  readonly compare?: readonly EtcdCompare[];
}

/** A delete has an effect where there is something to delete. */
function markDeletes(ops: readonly Op[], { put, rest, compare = [] }: Marking): readonly EtcdOp[] {
  let chain = rest;
  for (const op of ops) {
    if (op.op !== "delete" && op.op !== "deletePrefix") continue;
    const span = op.op === "delete" ? { key: op.key } : shown(op.prefix);
    const exists = { span, target: "version", op: ">", operand: 0 } as const;
    chain = [{ op: "txn", txn: { compare: [...compare, exists], success: [put], failure: chain } }];
  }
  return chain;
}
