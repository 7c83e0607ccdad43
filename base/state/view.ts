import { assert } from "#base/env/assert.ts";
import { silentLog, type Log } from "#base/env/log.ts";
import { ROOT, partsOf } from "#base/protocol/keys.ts";
import { decodeRow } from "./codec.ts";
import { Sharing } from "./sharing.ts";
import { StoreError, type Change, type RevisionChange, type Store, type StoreRecord, type Watch } from "./store.ts";
import { TableRows } from "./table-rows.ts";
import type { Table, TableView, View, ViewChange, ViewRowChange } from "./table.ts";

export interface FollowOptions {
  readonly log?: Log;
  /** The store ended the stream (closed, compacted, failed): the view stays as it is from then on. */
  readonly onEnd?: (reason: string) => void;
}

/**
 * Loads `tables` from the store and keeps them up to date. Resolves once everything written before the call is in.
 * Rejects with a {@link StoreError}: the store's own, or `foreign_version` where a row cannot be read by this version.
 */
export async function followView(
  store: Store,
  tables: readonly Table<unknown>[],
  options: FollowOptions = {},
): Promise<View> {
  const view = new FollowedView(tables, options);
  await view.load(store);
  return view;
}

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Neighbours in the log often belong to one table and namespace: what was found for the last key serves the next. */
interface Place {
  /** `/lares/1/<table>/<namespace>/` */
  readonly prefix: string;
  readonly table: string;
  readonly namespace: string;
  readonly intake: Intake | undefined;
}

/** How rows of one table enter the view, with their type already forgotten. */
interface Intake {
  readonly rows: { touch(index: number): void; delete(namespace: string, id: string): void };
  /** A message when the record cannot be read. */
  put(record: StoreRecord, namespace: string, id: string): string | undefined;
}

class FollowedView implements View {
  readonly #log: Log;
  readonly #onEnd: (reason: string) => void;
  readonly #intakes = new Map<string, Intake>();
  readonly #views = new Map<Table<unknown>, TableView<unknown>>();
  readonly #listeners = new Set<(change: ViewChange) => void>();
  #waiters: Waiter[] = [];
  #watch: Watch | undefined;
  #index = 0;
  #lastPlace: Place | undefined;
  #closed = false;

  constructor(tables: readonly Table<unknown>[], options: FollowOptions) {
    this.#log = options.log ?? silentLog;
    this.#onEnd = options.onEnd ?? (() => {});
    for (const table of tables) {
      const rows = new TableRows(table);
      this.#views.set(table, rows);
      this.#intakes.set(table.name, intakeOf(table, rows));
    }
  }

  get index(): number {
    return this.#index;
  }

  table<T>(table: Table<T>): TableView<T> {
    const view = this.#views.get(table);
    assert(view !== undefined && isViewOf(view, table), `table ${table.name} is not followed by this view`);
    return view;
  }

  onChange(listener: (change: ViewChange) => void): () => void {
    // A function of its own, so that one listener given twice is called twice and ended once.
    const own = (change: ViewChange): void => listener(change);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  reached(revision: number): Promise<void> {
    if (revision <= this.#index) return Promise.resolve();
    if (this.#closed) return Promise.reject(new StoreError("closed", "the view is closed"));
    return new Promise((resolve, reject) => this.#waiters.push({ revision, resolve, reject }));
  }

  close(): void {
    this.#closed = true;
    this.#watch?.cancel();
    this.#listeners.clear();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(new StoreError("closed", "the view is closed"));
  }

  async load(store: Store): Promise<void> {
    const unreadable: string[] = [];
    const onRecords = (records: readonly StoreRecord[]): void => {
      for (const record of records) {
        const problem = this.#put(record);
        if (problem !== undefined && unreadable.length < 10) unreadable.push(problem);
      }
    };
    const revision = await store.scan({ prefix: ROOT, onRecords });
    if (unreadable.length > 0)
      throw new StoreError("foreign_version", `cannot read the state: ${unreadable.join("; ")}`);
    this.#index = revision;
    // Deletes left no trace in what was read: any table may have changed as late as now.
    for (const { rows } of this.#intakes.values()) rows.touch(revision);
    const onRevision = (change: RevisionChange): void => this.#apply(change);
    const onEnd = (end: { readonly kind: string }): void => this.#ended(end.kind);
    this.#watch = store.watch({ prefix: "", fromRevision: revision + 1, onRevision, onEnd });
    await this.reached(store.status().revision);
  }

  #apply({ revision, changes }: RevisionChange): void {
    const rows: ViewRowChange[] = [];
    for (const change of changes) {
      const key = change.kind === "put" ? change.record.key : change.key;
      const place = this.#placeOf(key);
      if (place?.intake === undefined) continue;
      const { table, namespace, intake } = place;
      const id = key.slice(place.prefix.length);
      this.#applyOne(change, intake, { namespace, id });
      intake.rows.touch(revision);
      rows.push({ table, namespace, id, kind: change.kind });
    }
    this.#index = revision;
    for (const listener of this.#listeners) listener({ revision, rows });
    this.#wake();
  }

  #applyOne(change: Change, intake: Intake, at: { readonly namespace: string; readonly id: string }): void {
    if (change.kind === "delete") return intake.rows.delete(at.namespace, at.id);
    const problem = intake.put(change.record, at.namespace, at.id);
    if (problem !== undefined) this.#log.error("a row stays as it was: its new value cannot be read", { problem });
  }

  #put(record: StoreRecord): string | undefined {
    const place = this.#placeOf(record.key);
    if (place?.intake === undefined) return undefined;
    return place.intake.put(record, place.namespace, record.key.slice(place.prefix.length));
  }

  /** Undefined for keys of another layout. */
  #placeOf(key: string): Place | undefined {
    if (this.#lastPlace !== undefined && key.startsWith(this.#lastPlace.prefix)) return this.#lastPlace;
    const parts = partsOf(key);
    if (parts === undefined) return undefined;
    const { table, namespace, id } = parts;
    const prefix = key.slice(0, key.length - id.length);
    this.#lastPlace = { prefix, table, namespace, intake: this.#intakes.get(table) };
    return this.#lastPlace;
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const due = this.#waiters.filter(({ revision }) => revision <= this.#index);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter(({ revision }) => revision > this.#index);
    for (const { resolve } of due) resolve();
  }

  #ended(reason: string): void {
    if (this.#closed) return;
    if (reason !== "closed") this.#log.error("the state is no longer followed", { reason });
    this.close();
    this.#onEnd(reason);
  }
}

function intakeOf<T>(table: Table<T>, rows: TableRows<T>): Intake {
  const sharing = new Sharing();
  return {
    rows,
    put(record, namespace, id) {
      const read = decodeRow(table, record.value);
      if (!read.ok) return `${record.key}: ${read.error.message}`;
      table.share?.(read.value, sharing);
      const { createRevision: createIndex, modRevision: modifyIndex } = record;
      const own = table.idIn?.(read.value);
      rows.put({ namespace, id: own === id ? own : id, value: read.value, createIndex, modifyIndex });
      return undefined;
    },
  };
}

/** The map is filled with each table's own rows, keyed by the table itself. */
function isViewOf<T>(_view: TableView<unknown>, _table: Table<T>): _view is TableView<T> {
  return true;
}
