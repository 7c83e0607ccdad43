import { GLOBAL, keyOf } from "#base/protocol/keys.ts";
import { absent, put, remove, unchanged } from "#base/state/codec.ts";
import type { Compare, Op } from "#base/state/store.ts";
import type { Row, Table, View } from "#base/state/table.ts";

/** What a transaction will write, and under which conditions. */
export interface Draft {
  readonly compare: Compare[];
  /** By key, so that each is written once. */
  readonly ops: Map<string, Op>;
}

/** One table as a transaction sees it while it is decided: what it wrote itself is there, with index 0. */
export class DraftTable<T> {
  readonly #draft: Draft;
  readonly #view: View;
  readonly #table: Table<T>;
  readonly #written = new Map<string, T | undefined>();
  readonly #guarded = new Set<string>();

  constructor(draft: Draft, view: View, table: Table<T>) {
    this.#draft = draft;
    this.#view = view;
    this.#table = table;
  }

  /** What is read here must be unchanged when the transaction commits. */
  get(id: string): Row<T> | undefined {
    const stored = this.#view.table(this.#table).get(GLOBAL, id);
    if (!this.#guarded.has(id)) {
      this.#guarded.add(id);
      this.#draft.compare.push(stored === undefined ? absent(this.#table, GLOBAL, id) : unchanged(this.#table, stored));
    }
    if (!this.#written.has(id)) return stored;
    const value = this.#written.get(id);
    return value === undefined ? undefined : this.#fresh(id, value, stored);
  }

  /** In ascending order of id. */
  under(prefix: string): readonly Row<T>[] {
    const ids = new Set([...this.#written.keys()].filter((id) => id.startsWith(prefix)));
    for (const row of this.#view.table(this.#table).list(GLOBAL, prefix)) ids.add(row.id);
    return [...ids].toSorted().flatMap((id) => this.get(id) ?? []);
  }

  put(id: string, value: T): Row<T> {
    this.get(id);
    this.#written.set(id, value);
    this.#draft.ops.set(this.#key(id), put(this.#table, { namespace: GLOBAL, id }, value));
    return this.#fresh(id, value, this.#view.table(this.#table).get(GLOBAL, id));
  }

  delete(id: string): void {
    this.get(id);
    this.#written.set(id, undefined);
    if (this.#view.table(this.#table).get(GLOBAL, id) === undefined) this.#draft.ops.delete(this.#key(id));
    else this.#draft.ops.set(this.#key(id), remove(this.#table, GLOBAL, id));
  }

  #fresh(id: string, value: T, stored: Row<T> | undefined): Row<T> {
    return { namespace: GLOBAL, id, value, createIndex: stored?.createIndex ?? 0, modifyIndex: 0 };
  }

  #key(id: string): string {
    return keyOf(this.#table.name, GLOBAL, id);
  }
}
