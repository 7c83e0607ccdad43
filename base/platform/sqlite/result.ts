import { assert } from "#base/env/assert.ts";
import type { Change, Op, OpResult, RevisionChange, StoreRecord, Txn, TxnResult } from "#base/state/store.ts";
import type { PackedResult } from "./wire.ts";

export type Answered = Exclude<PackedResult, { readonly code: unknown }>;

/** What the caller gets and the watches hear, from the transaction as it was asked and the numbers the worker sent back. */
export function unpackResult(txn: Txn, packed: Answered): { result: TxnResult; change: RevisionChange | undefined } {
  const { ok, revision } = packed;
  const ops = ok ? txn.then : (txn.otherwise ?? []);
  const reader = new Reader(packed);
  const responses: OpResult[] = [];
  const changes: Change[] = [];
  for (const op of ops) responses.push(reader.read(op, changes));
  return { result: { ok, revision, responses }, change: packed.wrote ? { revision, changes } : undefined };
}

class Reader {
  readonly #packed: Answered;
  #number = 0;
  #removed = 0;

  constructor(packed: Answered) {
    this.#packed = packed;
  }

  read(op: Op, changes: Change[]): OpResult {
    switch (op.op) {
      case "put": {
        const createRevision = this.#next();
        const { key, value, written } = op;
        const numbers = { createRevision, modRevision: this.#packed.revision, version: this.#next() };
        const record = written === undefined ? { key, value, ...numbers } : { key, value, ...numbers, written };
        changes.push({ kind: "put", record });
        return { op: "put", record };
      }
      case "get":
        return { op: "get", record: this.#packed.got[this.#next()] };
      case "delete":
      case "deletePrefix": {
        const deleted = this.#next();
        for (let i = 0; i < deleted; i++) {
          const previous = this.#nextRemoved();
          changes.push({ kind: "delete", key: previous.key, previous });
        }
        return { op: op.op, deleted };
      }
      default:
        return op satisfies never;
    }
  }

  #next(): number {
    const number = this.#packed.numbers[this.#number++];
    assert(number !== undefined, "the worker sends the numbers of every op");
    return number;
  }

  #nextRemoved(): StoreRecord {
    const record = this.#packed.removed[this.#removed++];
    assert(record !== undefined, "the worker sends every record a delete removed");
    return record;
  }
}
