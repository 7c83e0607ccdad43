import { assert } from "#base/env/assert.ts";
import { silentLog, type Log } from "#base/env/log.ts";
import { keyOf, partsOf, ROOT } from "#base/protocol/keys.ts";
import { readRow } from "./codec.ts";
import { RESTORE_MARK, restorationOf } from "./restore-mark.ts";
import { Sharing } from "./sharing.ts";
import { stagedName } from "./staging.ts";
import { StoreError, type Change, type RevisionChange, type Store, type StoreRecord, type Watch } from "./store.ts";
import { TableRows } from "./table-rows.ts";
import type { WrittenCheck } from "./written-check.ts";
import type { Table, TableView, View, ViewChange, ViewRowChange } from "./table.ts";

export interface FollowOptions {
  readonly log?: Log;
  /** The store ended the stream (closed, compacted, failed): the view stays as it is from then on. */
  readonly onEnd?: (reason: string) => void;
  /**
   * Runs its argument in a later turn. What was staged is seen at once when it is shown, but listeners are told of it in
   * slices, one a turn. Default: at once, in the same turn.
   */
  readonly soon?: (run: () => void) => void;
  /** A restoration of several transactions has begun, or is over: what it writes is kept back until then. Default: nobody is told. */
  readonly onRestoring?: (isGoingOn: boolean) => void;
  /** Looks at every value that is handed over, and once more when the view closes. Default: nobody does. */
  readonly check?: WrittenCheck;
}

const HALF_RESTORED =
  "the restoration of a snapshot was cut off: the state is partly what it was and partly the snapshot's; restore it again";

/** Staged rows that listeners are told of in one turn. */
const SETTLE_ROWS = 200;

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
  readonly table: string;
  readonly rows: { touch(index: number): void };
  delete(namespace: string, id: string): void;
  /** Keeps a row back under a name until it is shown; false where there is nothing under it. */
  stage(name: string, record: StoreRecord, at: { readonly namespace: string; readonly id: string }): void;
  reveal(name: string): boolean;
  /** Moves rows that were shown in; returns which. */
  settle(count: number): { readonly namespace: string; readonly id: string }[];
  /** Keeps back what was made at these revisions. */
  withdraw(names: ReadonlyMap<number, string>): void;
  stagedIds(name: string): { readonly namespace: string; readonly id: string }[];
  /** A message when the record cannot be read. */
  put(record: StoreRecord, namespace: string, id: string): string | undefined;
}

class FollowedView implements View {
  readonly #log: Log;
  readonly #onEnd: (reason: string) => void;
  readonly #soon: ((run: () => void) => void) | undefined;
  readonly #check: WrittenCheck | undefined;
  readonly #onRestoring: (isGoingOn: boolean) => void;
  /** Set while a snapshot is being restored, by whomever. */
  #restored: (() => void) | undefined;
  readonly #stagedNames = new Set<string>();
  #settling = false;
  /** Changes that are kept back while somebody holds the view. */
  readonly #held: RevisionChange[] = [];
  #holders = 0;
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
    this.#soon = options.soon;
    this.#check = options.check;
    this.#onRestoring = options.onRestoring ?? (() => {});
    for (const table of tables) {
      const rows = new TableRows(table);
      this.#views.set(table, rows);
      this.#intakes.set(table.name, intakeOf(table, rows, this.#check));
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
    if (!this.#closed) this.#check?.end();
    this.#closed = true;
    this.#watch?.cancel();
    this.#listeners.clear();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(new StoreError("closed", "the view is closed"));
  }

  async load(store: Store): Promise<void> {
    const unreadable: string[] = [];
    const staged = new Map<number, string>();
    const onRecords = (records: readonly StoreRecord[]): void => {
      for (const record of records) {
        const name = stagedName(record.key);
        if (name !== undefined) staged.set(record.modRevision, name);
        if (record.key === RESTORE_MARK) this.#beginRestoring(record.value);
        const problem = this.#put(record);
        if (problem !== undefined && unreadable.length < 10) unreadable.push(problem);
      }
    };
    const revision = await store.scan({ prefix: ROOT, onRecords });
    if (unreadable.length > 0)
      throw new StoreError("foreign_version", `cannot read the state: ${unreadable.join("; ")}`);
    this.#index = revision;
    for (const name of staged.values()) this.#stagedNames.add(name);
    if (staged.size > 0) for (const intake of this.#intakes.values()) intake.withdraw(staged);
    // Deletes left no trace in what was read: any table may have changed as late as now.
    for (const { rows } of this.#intakes.values()) rows.touch(revision);
    const onRevision = (change: RevisionChange): void => this.#receive(change);
    const onEnd = (end: { readonly kind: string }): void => this.#ended(end.kind);
    this.#watch = store.watch({ prefix: "", fromRevision: revision + 1, onRevision, onEnd });
    await this.reached(store.status().revision);
  }

  staged(): ReadonlyMap<string, readonly string[]> {
    return new Map(
      [...this.#stagedNames].map((name) => [
        name,
        [...this.#intakes.values()].flatMap((intake) =>
          intake.stagedIds(name).map(({ namespace, id }) => keyOf(intake.table, namespace, id)),
        ),
      ]),
    );
  }

  hold(): () => void {
    this.#holders += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holders -= 1;
      if (this.#holders > 0) return;
      for (const change of this.#held.splice(0)) this.#apply(change);
    };
  }

  #receive(change: RevisionChange): void {
    for (const one of change.changes)
      if (one.kind === "put" && one.record.key === RESTORE_MARK) this.#beginRestoring(one.record.value);
    this.#apply(change);
    if (this.#restored === undefined) return;
    if (change.changes.some((one) => one.kind === "delete" && one.key === RESTORE_MARK)) this.#endRestoring();
  }

  #beginRestoring(mark: string): void {
    if (restorationOf(mark) === undefined) return this.#log.error(HALF_RESTORED);
    this.#restored ??= this.hold();
    this.#onRestoring(true);
  }

  #endRestoring(): void {
    const release = this.#restored;
    this.#restored = undefined;
    release?.();
    this.#onRestoring(false);
  }

  #apply(change: RevisionChange): void {
    if (this.#holders > 0) {
      this.#held.push(change);
      return;
    }
    const { revision, changes } = change;
    const mark = changes.find((change) => change.kind === "put" && stagedName(change.record.key) !== undefined);
    if (mark?.kind === "put") return this.#stage(stagedName(mark.record.key) ?? "", revision, changes);
    const rows: ViewRowChange[] = [];
    const shown = new Set<string>();
    for (const change of changes) {
      const key = change.kind === "put" ? change.record.key : change.key;
      const name = change.kind === "delete" && this.#stagedNames.size > 0 ? stagedName(key) : undefined;
      if (name !== undefined) shown.add(name);
      const place = this.#placeOf(key);
      if (place?.intake === undefined) continue;
      const { table, namespace, intake } = place;
      const id = key.slice(place.prefix.length);
      this.#applyOne(change, intake, { namespace, id });
      intake.rows.touch(revision);
      rows.push({ table, namespace, id, kind: change.kind });
    }
    this.#index = revision;
    if (shown.size > 0) this.#reveal(shown, revision, rows);
    this.#tell(rows);
    this.#wake();
  }

  #stage(name: string, revision: number, changes: RevisionChange["changes"]): void {
    this.#stagedNames.add(name);
    for (const change of changes) {
      if (change.kind === "delete") continue;
      const place = this.#placeOf(change.record.key);
      const id = change.record.key.slice(place?.prefix.length ?? 0);
      if (place?.intake !== undefined) place.intake.stage(name, change.record, { namespace: place.namespace, id });
    }
    this.#index = revision;
    this.#tell([]);
    this.#wake();
  }

  #reveal(names: ReadonlySet<string>, revision: number, rows: ViewRowChange[]): void {
    for (const name of names) {
      this.#stagedNames.delete(name);
      for (const intake of this.#intakes.values()) if (intake.reveal(name)) intake.rows.touch(revision);
    }
    if (this.#soon === undefined) for (const row of this.#settle(Number.POSITIVE_INFINITY)) rows.push(row);
    else if (!this.#settling) {
      this.#settling = true;
      this.#soon(() => this.#settleOn());
    }
  }

  /** Listeners hear of what was shown as if it came now, slice by slice. */
  #settleOn(): void {
    const rows = this.#closed ? [] : this.#settle(SETTLE_ROWS);
    if (rows.length === 0) {
      this.#settling = false;
      return;
    }
    this.#tell(rows);
    this.#soon?.(() => this.#settleOn());
  }

  #settle(count: number): ViewRowChange[] {
    const rows: ViewRowChange[] = [];
    for (const intake of this.#intakes.values()) {
      for (const at of intake.settle(count - rows.length)) rows.push({ table: intake.table, ...at, kind: "put" });
      if (rows.length >= count) break;
    }
    return rows;
  }

  #tell(rows: readonly ViewRowChange[]): void {
    for (const listener of this.#listeners) listener({ revision: this.#index, rows });
  }

  #applyOne(change: Change, intake: Intake, at: { readonly namespace: string; readonly id: string }): void {
    if (change.kind === "delete") return intake.delete(at.namespace, at.id);
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

function intakeOf<T>(table: Table<T>, rows: TableRows<T>, check: WrittenCheck | undefined): Intake {
  const sharing = new Sharing();
  const staged = new Map<string, TableRows<T>>();
  const under = (name: string): TableRows<T> => {
    const known = staged.get(name) ?? new TableRows(table);
    staged.set(name, known);
    return known;
  };
  const put = (into: TableRows<T>, record: StoreRecord, at: { namespace: string; id: string }): string | undefined => {
    check?.take(record);
    const read = readRow(table, record);
    if (!read.ok) return `${record.key}: ${read.error.message}`;
    table.share?.(read.value, sharing);
    const { createRevision: createIndex, modRevision: modifyIndex } = record;
    const own = table.idIn?.(read.value);
    const id = own === at.id ? own : at.id;
    into.put({ namespace: at.namespace, id, value: read.value, createIndex, modifyIndex });
    return undefined;
  };
  return {
    table: table.name,
    rows,
    put: (record, namespace, id) => put(rows, record, { namespace, id }),
    delete(namespace, id) {
      rows.delete(namespace, id);
      for (const kept of staged.values()) kept.delete(namespace, id);
    },
    stage: (name, record, at) => void put(under(name), record, at),
    reveal(name) {
      const kept = staged.get(name);
      if (kept === undefined) return false;
      staged.delete(name);
      rows.attach(kept);
      return true;
    },
    settle: (count) => rows.settle(count),
    withdraw(names) {
      for (const name of new Set(names.values())) {
        const revisions = [...names].flatMap(([revision, each]) => (each === name ? [revision] : []));
        const apart = rows.split(new Set(revisions));
        if (apart.size > 0) staged.set(name, apart);
      }
    },
    stagedIds: (name) => [...(staged.get(name)?.list() ?? [])],
  };
}

/** The map is filled with each table's own rows, keyed by the table itself. */
function isViewOf<T>(_view: TableView<unknown>, _table: Table<T>): _view is TableView<T> {
  return true;
}
