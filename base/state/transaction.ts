import { Buffer } from "node:buffer";
import {
  MAX_KEY_BYTES,
  MAX_TXN_BYTES,
  MAX_TXN_OPS,
  MAX_VALUE_BYTES,
  StoreError,
  type Compare,
  type Op,
  type OpResult,
  type StoreRecord,
  type Txn,
} from "./store.ts";

/** What an index knows of a key's newest record without reading its value. */
export interface Found {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/** The newest state, as a transaction sees it before its own writes. */
export interface Keyspace<F extends Found> {
  find(key: string): F | undefined;
  value(key: string, found: F): string;
  under(prefix: string): Iterable<string>;
}

/** One key's change: a put carries its new record, a delete none. */
export interface Write<F extends Found> {
  readonly key: string;
  readonly record: StoreRecord | undefined;
  readonly previous: F | undefined;
}

export interface Evaluated<F extends Found> {
  readonly ok: boolean;
  readonly responses: readonly OpResult[];
  /** Empty: the transaction takes no revision. */
  readonly writes: readonly Write<F>[];
}

/** Refuses what no engine takes: sizes, ill-formed keys, a key written twice in a branch. Undefined: fine. */
export function checkTxn(txn: Txn): StoreError | undefined {
  return checkCompares(txn.compare ?? []) ?? checkBranch(txn.then) ?? checkBranch(txn.otherwise ?? []);
}

function checkCompares(compares: readonly Compare[]): StoreError | undefined {
  if (compares.length > MAX_TXN_OPS) {
    return new StoreError(
      "too_large",
      `transaction of ${compares.length} compares: at most ${MAX_TXN_OPS} fit; cut it`,
    );
  }
  for (const compare of compares) {
    const bad = checkKey(compare.key);
    if (bad !== undefined) return bad;
  }
  return undefined;
}

function checkBranch(ops: readonly Op[]): StoreError | undefined {
  if (ops.length > MAX_TXN_OPS) {
    return new StoreError("too_large", `transaction of ${ops.length} ops: at most ${MAX_TXN_OPS} fit; cut it`);
  }
  let bytes = 0;
  for (const op of ops) {
    const key = op.op === "deletePrefix" ? op.prefix : op.key;
    const bad = checkKey(key);
    if (bad !== undefined) return bad;
    const size = op.op === "put" ? byteLength(op.value, MAX_VALUE_BYTES) : 0;
    if (size > MAX_VALUE_BYTES) {
      return new StoreError("too_large", `value of ${size} bytes for ${key}: at most ${MAX_VALUE_BYTES} are stored`);
    }
    bytes += size + key.length;
  }
  if (bytes > MAX_TXN_BYTES) {
    return new StoreError("too_large", `transaction of ${bytes} bytes: at most ${MAX_TXN_BYTES} fit; cut it`);
  }
  return checkDuplicates(ops);
}

function checkDuplicates(ops: readonly Op[]): StoreError | undefined {
  if (ops.length < 2) return undefined;
  const puts = new Set<string>();
  for (const op of ops) {
    if (op.op !== "put") continue;
    if (puts.has(op.key)) return duplicate(op.key);
    puts.add(op.key);
  }
  for (const op of ops) {
    if (op.op === "delete" && puts.has(op.key)) return duplicate(op.key);
    if (op.op !== "deletePrefix") continue;
    for (const key of puts) if (key.startsWith(op.prefix)) return duplicate(key);
  }
  return undefined;
}

function duplicate(key: string): StoreError {
  return new StoreError("duplicate_key", `transaction writes ${key} twice: a key may be written once per branch`);
}

function checkKey(key: string): StoreError | undefined {
  if (byteLength(key, MAX_KEY_BYTES) > MAX_KEY_BYTES) {
    return new StoreError("too_large", `key ${key.slice(0, 80)}…: longer than ${MAX_KEY_BYTES} bytes`);
  }
  if (key.isWellFormed()) return undefined;
  return new StoreError("bad_key", `key ${JSON.stringify(key)}: holds half a surrogate pair, which UTF-8 cannot carry`);
}

/** Exact only where it could be above `limit`: a UTF-16 unit takes at most three bytes. */
function byteLength(text: string, limit: number): number {
  return text.length * 3 <= limit ? text.length : Buffer.byteLength(text);
}

/** What the transaction does to `keyspace`, which is left as it is. `revision` is the one its writes would take. */
export function evaluate<F extends Found>(txn: Txn, keyspace: Keyspace<F>, revision: number): Evaluated<F> {
  const ok = (txn.compare ?? []).every((compare) => holds(compare, keyspace));
  const ops = ok ? txn.then : (txn.otherwise ?? []);
  const branch = new Branch(keyspace, { revision, ops });
  const responses = ops.map((op) => branch.run(op));
  return { ok, responses, writes: branch.writes };
}

function holds<F extends Found>(compare: Compare, keyspace: Keyspace<F>): boolean {
  const found = keyspace.find(compare.key);
  switch (compare.target) {
    case "version":
      return relate(found?.version ?? 0, compare.op, compare.operand);
    case "create":
      return relate(found?.createRevision ?? 0, compare.op, compare.operand);
    case "mod":
      return relate(found?.modRevision ?? 0, compare.op, compare.operand);
    case "value": {
      const value = found === undefined ? "" : keyspace.value(compare.key, found);
      return (value === compare.operand) === (compare.op === "=");
    }
    default:
      return compare satisfies never;
  }
}

function relate(left: number, op: "=" | "!=" | "<" | ">", right: number): boolean {
  switch (op) {
    case "=":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case ">":
      return left > right;
    default:
      return op satisfies never;
  }
}

/** Runs one branch's ops in order; later ops see the writes of earlier ones. */
class Branch<F extends Found> {
  readonly writes: Write<F>[] = [];
  readonly #keyspace: Keyspace<F>;
  readonly #revision: number;
  /** Written by this branch so far; undefined: deleted. */
  readonly #written = new Map<string, StoreRecord | undefined>();
  /** Nothing but puts never looks at what it wrote, because it writes a key once. */
  readonly #remembers: boolean;

  constructor(keyspace: Keyspace<F>, at: { readonly revision: number; readonly ops: readonly Op[] }) {
    this.#keyspace = keyspace;
    this.#revision = at.revision;
    this.#remembers = at.ops.some(({ op }) => op !== "put");
  }

  run(op: Op): OpResult {
    switch (op.op) {
      case "put":
        return { op: "put", record: this.#put(op) };
      case "delete":
        return { op: "delete", deleted: this.#delete(op.key) ? 1 : 0 };
      case "deletePrefix": {
        const keys = [...this.#keyspace.under(op.prefix)];
        return { op: "deletePrefix", deleted: keys.filter((key) => this.#delete(key)).length };
      }
      case "get":
        return { op: "get", record: this.#get(op.key) };
      default:
        return op satisfies never;
    }
  }

  #put({ key, value, written }: Extract<Op, { op: "put" }>): StoreRecord {
    const previous = this.#keyspace.find(key);
    const createRevision = previous?.createRevision ?? this.#revision;
    const version = (previous?.version ?? 0) + 1;
    const numbers = { createRevision, modRevision: this.#revision, version };
    const record = { key, value, ...numbers, ...(written === undefined ? {} : { written }) };
    if (this.#remembers) this.#written.set(key, record);
    this.writes.push({ key, record, previous });
    return record;
  }

  #delete(key: string): boolean {
    if (this.#written.has(key)) return false;
    const previous = this.#keyspace.find(key);
    if (previous === undefined) return false;
    this.#written.set(key, undefined);
    this.writes.push({ key, record: undefined, previous });
    return true;
  }

  #get(key: string): StoreRecord | undefined {
    if (this.#written.has(key)) return this.#written.get(key);
    const found = this.#keyspace.find(key);
    if (found === undefined) return undefined;
    const { createRevision, modRevision, version } = found;
    return { key, value: this.#keyspace.value(key, found), createRevision, modRevision, version };
  }
}
