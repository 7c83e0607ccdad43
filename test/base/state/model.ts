import { deepStrictEqual } from "node:assert";
import fc from "fast-check";
import { compareKeys } from "#base/state/sorted-keys.ts";
import {
  type StoreError,
  type Change,
  type Compare,
  type Op,
  type OpResult,
  type RevisionChange,
  type Store,
  type StoreRecord,
  type Txn,
  type TxnResult,
  type WatchEnd,
} from "#base/state/store.ts";

/** The contract as its words have it: every revision keeps a whole copy of the state. */
export class Model {
  readonly states: Map<string, StoreRecord>[] = [new Map()];
  readonly changes: RevisionChange[] = [];
  compacted = 0;

  get revision(): number {
    return this.states.length - 1;
  }

  txn(txn: Txn): TxnResult | "duplicate_key" {
    for (const branch of [txn.then, txn.otherwise ?? []]) if (writesTwice(branch)) return "duplicate_key";
    const before = this.states[this.revision]!;
    const ok = (txn.compare ?? []).every((compare) => holds(compare, before.get(compare.key)));
    const state = new Map(before);
    const changes: Change[] = [];
    const revision = this.revision + 1;
    const remove = (key: string): boolean => {
      const previous = state.get(key);
      if (previous === undefined) return false;
      state.delete(key);
      changes.push({ kind: "delete", key, previous });
      return true;
    };
    const responses = (ok ? txn.then : (txn.otherwise ?? [])).map((op): OpResult => {
      if (op.op === "get") return { op: "get", record: state.get(op.key) };
      if (op.op === "delete") return { op: "delete", deleted: remove(op.key) ? 1 : 0 };
      if (op.op === "deletePrefix") {
        const keys = [...state.keys()].filter((key) => key.startsWith(op.prefix)).toSorted(compareKeys);
        return { op: "deletePrefix", deleted: keys.filter(remove).length };
      }
      const old = before.get(op.key);
      const record = {
        key: op.key,
        value: op.value,
        createRevision: old?.createRevision ?? revision,
        modRevision: revision,
        version: (old?.version ?? 0) + 1,
      };
      state.set(op.key, record);
      changes.push({ kind: "put", record });
      return { op: "put", record };
    });
    if (changes.length > 0) {
      this.states.push(state);
      this.changes.push({ revision, changes });
    }
    return { ok, revision: this.revision, responses };
  }

  at(revision: number, prefix: string, after = ""): StoreRecord[] {
    const records = [...this.states[revision]!.values()];
    const wanted = records.filter(({ key }) => key.startsWith(prefix) && (after === "" || compareKeys(key, after) > 0));
    return wanted.toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  under(prefix: string, from: number): RevisionChange[] {
    return this.changes
      .filter(({ revision }) => revision >= from)
      .map(({ revision, changes }) => ({ revision, changes: changes.filter((one) => keyOf(one).startsWith(prefix)) }))
      .filter(({ changes }) => changes.length > 0);
  }
}

function keyOf(change: Change): string {
  return change.kind === "put" ? change.record.key : change.key;
}

function writesTwice(ops: readonly Op[]): boolean {
  return ops.some((op, i) =>
    ops.some((other, j) => {
      if (op.op !== "put" || i === j) return false;
      if (other.op === "deletePrefix") return op.key.startsWith(other.prefix);
      return other.op !== "get" && other.key === op.key;
    }),
  );
}

function holds(compare: Compare, record: StoreRecord | undefined): boolean {
  if (compare.target === "value") return ((record?.value ?? "") === compare.operand) === (compare.op === "=");
  const field =
    { version: record?.version, create: record?.createRevision, mod: record?.modRevision }[compare.target] ?? 0;
  return {
    "=": field === compare.operand,
    "!=": field !== compare.operand,
    "<": field < compare.operand,
    ">": field > compare.operand,
  }[compare.op];
}

const key = fc.constantFrom("a", "a/", "a/b", "a/～", "a/😀", "b", "b/c", "");
const small = fc.nat({ max: 12 });
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({
    key,
    target: fc.constantFrom("version", "create", "mod"),
    op: fc.constantFrom("=", "!=", "<", ">"),
    operand: small,
  }),
  fc.record({
    key,
    target: fc.constant("value"),
    op: fc.constantFrom("=", "!="),
    operand: fc.constantFrom("", "x", "y"),
  }),
);
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant("put"), key, value: fc.constantFrom("", "x", "y") }) },
  fc.record({ op: fc.constantFrom("delete", "get"), key }),
  fc.record({ op: fc.constant("deletePrefix"), prefix: key }),
);
const txn: fc.Arbitrary<Txn> = fc.record(
  {
    compare: fc.array(compare, { maxLength: 2 }),
    then: fc.array(op, { maxLength: 5 }),
    otherwise: fc.array(op, { maxLength: 3 }),
  },
  { requiredKeys: ["then"] },
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("txns"), txns: fc.array(txn, { minLength: 1, maxLength: 4 }) }) },
  fc.record({ do: fc.constant("range"), prefix: key, after: key, limit: fc.integer({ min: 1, max: 6 }), back: small }),
  fc.record({ do: fc.constant("watch"), prefix: key, back: small }),
  fc.record({ do: fc.constant("compact"), back: small }),
  fc.record({ do: fc.constant("reopen") }),
);

/** A random history of calls. */
export const steps = fc.array(step, { minLength: 1, maxLength: 25 });
type Step = typeof steps extends fc.Arbitrary<readonly (infer S)[]> ? S : never;

interface Seen {
  readonly prefix: string;
  readonly from: number;
  readonly changes: RevisionChange[];
  readonly ends: WatchEnd[];
  /** The last revision it could see. */
  until: number;
}

/** Runs `history` on the engine and the model, comparing every answer, and at the end what the watches saw. */
export async function runAgainstModel(
  history: readonly Step[],
  engine: { store: Store; reopen?(store: Store): Promise<Store> },
): Promise<void> {
  const model = new Model();
  const watches: Seen[] = [];
  let { store } = engine;
  for (const one of history) {
    if (one.do === "txns") {
      const answers = await Promise.all(
        one.txns.map((asked) => store.txn(asked).catch((error: StoreError) => error.code)),
      );
      deepStrictEqual(
        answers,
        one.txns.map((asked) => model.txn(asked)),
      );
    } else if (one.do === "range") {
      const revision = Math.max(0, model.revision - one.back);
      if (revision < model.compacted) continue;
      const expected = model.at(revision, one.prefix, one.after);
      const { prefix, after, limit } = one;
      const read = await store.range({ prefix, limit, revision, ...(after === "" ? {} : { after }) });
      deepStrictEqual(read, {
        records: expected.slice(0, limit),
        revision: model.revision,
        more: expected.length > limit,
      });
    } else if (one.do === "watch") {
      const from = Math.max(1, model.revision - one.back);
      const seen: Seen = { prefix: one.prefix, from, changes: [], ends: [], until: Infinity };
      const onRevision = (change: RevisionChange) => void seen.changes.push(change);
      store.watch({ prefix: one.prefix, fromRevision: from, onRevision, onEnd: (end) => void seen.ends.push(end) });
      if (from <= model.compacted) seen.until = 0;
      watches.push(seen);
    } else if (one.do === "compact") {
      // A watch that still reads history may lose it to this: let them catch up.
      await settle(store, model, watches);
      model.compacted = Math.max(model.compacted, model.revision - one.back);
      await store.compact(Math.max(0, model.revision - one.back));
    } else if (engine.reopen !== undefined) {
      await settle(store, model, watches);
      for (const seen of watches) seen.until = Math.min(seen.until, model.revision);
      store = await engine.reopen(store);
      engine.store = store;
      model.compacted = Math.max(model.compacted, store.status().compactedRevision);
    }
    deepStrictEqual(
      [store.status().revision, store.status().keys, store.status().compactedRevision],
      [model.revision, model.states[model.revision]!.size, model.compacted],
    );
  }
  await settle(store, model, watches);
  for (const seen of watches) {
    const expected = model.under(seen.prefix, seen.from).filter(({ revision }) => revision <= seen.until);
    deepStrictEqual(seen.changes, expected);
  }
}

async function settle(store: Store, model: Model, watches: readonly Seen[]): Promise<void> {
  const due = watches.filter(({ until, ends }) => until === Infinity && ends.length === 0);
  for (let looks = 0; looks < 1000; looks++) {
    await store.range({ prefix: "", limit: 1 });
    if (due.every(({ prefix, from, changes }) => changes.length >= model.under(prefix, from).length)) return;
  }
}
