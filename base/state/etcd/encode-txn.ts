import type { Compare, Op, OpResult, StoreRecord, Txn } from "../store.ts";
import type { EtcdCompare, EtcdOp, EtcdOpResult, EtcdTxn } from "./api.ts";
import { shown } from "./hidden.ts";

/** A transaction of the contract as one of etcd's. */
export function encodeTxn(txn: Txn): EtcdTxn {
  return branchOn(txn.compare ?? [], txn.then.map(encodeOp), (txn.otherwise ?? []).map(encodeOp));
}

/**
 * Takes `success` where all compares hold as the contract has them. Etcd says no to any comparison with the value of a
 * missing key, the contract takes it for '': where that makes a difference, the opposite is asked and the branches change places.
 */
export function branchOn(
  compares: readonly Compare[],
  success: readonly EtcdOp[],
  failure: readonly EtcdOp[],
): EtcdTxn {
  const { straight, crossed } = sortCompares(compares);
  let inner: EtcdTxn | undefined;
  for (const compare of crossed) {
    const next: readonly EtcdOp[] = inner === undefined ? success : [{ op: "txn", txn: inner }];
    inner = { compare: [compare], success: failure, failure: next };
  }
  if (inner === undefined) return { compare: straight, success, failure };
  return straight.length === 0 ? inner : { compare: straight, success: [{ op: "txn", txn: inner }], failure };
}

/** The compares as etcd understands them in one go; undefined: some have to be asked the other way round. */
export function straightCompares(compares: readonly Compare[]): readonly EtcdCompare[] | undefined {
  const { straight, crossed } = sortCompares(compares);
  return crossed.length === 0 ? straight : undefined;
}

/** The compares that etcd understands as they are, and those to be asked the other way round. */
function sortCompares(compares: readonly Compare[]): { straight: EtcdCompare[]; crossed: EtcdCompare[] } {
  const straight: EtcdCompare[] = [];
  const crossed: EtcdCompare[] = [];
  for (const compare of compares) {
    const span = { key: compare.key };
    if (compare.target !== "value") {
      straight.push({ span, target: compare.target, op: compare.op, operand: compare.operand });
      continue;
    }
    const { target, op, operand } = compare;
    const holdsWithoutKey = (operand === "") === (op === "=");
    if (holdsWithoutKey) crossed.push({ span, target, op: op === "=" ? "!=" : "=", operand });
    else straight.push({ span, target, op, operand });
  }
  return { straight, crossed };
}

function encodeOp(op: Op): EtcdOp {
  switch (op.op) {
    case "put":
      return { op: "put", key: op.key, value: op.value, ...(op.lease === undefined ? {} : { lease: op.lease }) };
    case "delete":
      return { op: "delete", span: { key: op.key } };
    case "deletePrefix":
      return { op: "delete", span: shown(op.prefix) };
    case "get":
      return { op: "range", span: { key: op.key } };
    default:
      return op satisfies never;
  }
}

export interface Answer {
  readonly ok: boolean;
  readonly responses: readonly OpResult[];
}

/** What the contract answers, from etcd's answer to {@link encodeTxn}. */
export function decodeAnswer(
  txn: Txn,
  taken: { readonly succeeded: boolean; readonly responses: readonly EtcdOpResult[] },
  revision: number,
): Answer {
  const { straight, crossed } = sortCompares(txn.compare ?? []);
  let ok = true;
  let at = taken;
  if (straight.length > 0 || crossed.length === 0) {
    ok = at.succeeded;
    if (ok && crossed.length > 0) at = nested(at.responses[0]);
  }
  for (let level = crossed.length; ok && level > 0; level--) {
    ok = !at.succeeded;
    if (ok && level > 1) at = nested(at.responses[0]);
  }
  const ops = ok ? txn.then : (txn.otherwise ?? []);
  return { ok, responses: ops.map((op, i) => decodeResult(op, at.responses[i], revision)) };
}

function nested(result: EtcdOpResult | undefined): Extract<EtcdOpResult, { op: "txn" }> {
  if (result?.op !== "txn") throw new TypeError("etcd answered a nested transaction with something else");
  return result;
}

function decodeResult(op: Op, result: EtcdOpResult | undefined, revision: number): OpResult {
  if (op.op === "put" && result?.op === "put") return { op: "put", record: recordOf(op, result.previous, revision) };
  if (op.op === "get" && result?.op === "range") return { op: "get", record: result.records[0] };
  if ((op.op === "delete" || op.op === "deletePrefix") && result?.op === "delete")
    return { op: op.op, deleted: result.deleted };
  throw new TypeError(`etcd answered a ${op.op} with ${result?.op ?? "nothing"}`);
}

function recordOf(
  { key, value, written }: Extract<Op, { op: "put" }>,
  previous: { readonly createRevision: number; readonly version: number } | undefined,
  revision: number,
): StoreRecord {
  return {
    key,
    value,
    createRevision: previous?.createRevision ?? revision,
    modRevision: revision,
    version: (previous?.version ?? 0) + 1,
    ...(written === undefined ? {} : { written }),
  };
}
