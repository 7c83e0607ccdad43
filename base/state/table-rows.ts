import { compareKeys, SortedKeys } from "./sorted-keys.ts";
import type { Row, Table, TableView } from "./table.ts";

interface Namespace<T> {
  readonly rows: Map<string, Row<T>>;
  readonly ids: SortedKeys;
}

/** From this many rows on, taking one out of a list costs more than turning the list into a set. */
const LONG_LIST = 32;

/**
 * Rows under one index key. Most keys find one row, where anything around it would cost more than the row itself; and
 * most lists are only ever added to, which a list does ten times faster than a set.
 */
type Found<T> = Row<T> | Row<T>[] | Set<Row<T>>;

/** One table's rows in memory: by namespace and id, in order on demand, and by its secondary indexes. */
export class TableRows<T> implements TableView<T> {
  readonly #table: Table<T>;
  readonly #namespaces = new Map<string, Namespace<T>>();
  readonly #namespaceNames = new SortedKeys(() => this.#namespaces.keys());
  readonly #indexes: ReadonlyMap<string, Map<string, Found<T>>>;
  /** Rows that came at once and are moved in bit by bit: those that are not in here yet count as well. */
  readonly #arriving: TableRows<T>[] = [];
  #size = 0;
  #lastIndex = 1;

  constructor(table: Table<T>) {
    this.#table = table;
    this.#indexes = new Map(Object.keys(table.indexes).map((name) => [name, new Map<string, Found<T>>()]));
  }

  get size(): number {
    let size = this.#size;
    for (const rows of this.#arriving) for (const row of rows.list()) if (!this.#has(row)) size += 1;
    return size;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get(namespace: string, id: string): Row<T> | undefined {
    const own = this.#namespaces.get(namespace)?.rows.get(id);
    if (own !== undefined || this.#arriving.length === 0) return own;
    for (const rows of this.#arriving) {
      const found = rows.get(namespace, id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  list(namespace?: string, idPrefix = ""): Iterable<Row<T>> {
    if (this.#arriving.length === 0) return this.#list(namespace, idPrefix);
    return inOrder([
      this.#list(namespace, idPrefix),
      ...this.#arriving.map((rows) => this.#others(rows.list(namespace, idPrefix))),
    ]);
  }

  *each(): Generator<Row<T>, void, void> {
    for (const { rows } of this.#namespaces.values()) yield* rows.values();
    for (const arriving of this.#arriving) for (const row of arriving.each()) if (!this.#has(row)) yield row;
  }

  by(index: string, key: string): Iterable<Row<T>> {
    const own = this.#by(index, key);
    return this.#arriving.length === 0 ? own : this.#byAll(own, index, key);
  }

  count(index: string, key: string): number {
    const found = this.#indexes.get(index)?.get(key);
    const own = found === undefined ? 0 : found instanceof Set ? found.size : Array.isArray(found) ? found.length : 1;
    return this.#arriving.reduce((sum, rows) => sum + rows.count(index, key), own);
  }

  /** All of `rows` is seen from now on; {@link settle} moves them in. */
  attach(rows: TableRows<T>): void {
    this.#arriving.push(rows);
  }

  /** Moves up to `count` arriving rows in and returns them; none: all have arrived. */
  settle(count: number): Row<T>[] {
    const moved: Row<T>[] = [];
    for (let rows = this.#arriving[0]; rows !== undefined && moved.length < count; rows = this.#arriving[0]) {
      const taken = rows.#take(count - moved.length);
      if (taken.length === 0) this.#arriving.shift();
      for (const row of taken) {
        if (this.#has(row)) continue;
        this.put(row);
        moved.push(row);
      }
    }
    return moved;
  }

  /** Takes out the rows that were made at one of these revisions. */
  split(revisions: ReadonlySet<number>): TableRows<T> {
    const apart = new TableRows(this.#table);
    for (const row of this.list()) if (revisions.has(row.createIndex)) apart.put(row);
    for (const row of apart.list()) this.delete(row.namespace, row.id);
    return apart;
  }

  *#list(namespace?: string, idPrefix = ""): Generator<Row<T>, void, void> {
    for (const name of namespace === undefined ? this.#namespaceNames.from("") : [namespace]) {
      const space = this.#namespaces.get(name);
      if (space === undefined) continue;
      for (const id of space.ids.under(idPrefix)) {
        const row = space.rows.get(id);
        if (row !== undefined) yield row;
      }
    }
  }

  *#byAll(own: Iterable<Row<T>>, index: string, key: string): Generator<Row<T>, void, void> {
    yield* own;
    for (const rows of this.#arriving) {
      for (const row of rows.by(index, key)) if (rows.#has(row) && !this.#has(row)) yield row;
    }
  }

  *#others(rows: Iterable<Row<T>>): Generator<Row<T>, void, void> {
    for (const row of rows) if (!this.#has(row)) yield row;
  }

  #has({ namespace, id }: Row<T>): boolean {
    return this.#namespaces.get(namespace)?.rows.has(id) === true;
  }

  /** Some of the rows, whichever, without what finds them by their indexes. */
  #take(count: number): Row<T>[] {
    const taken: Row<T>[] = [];
    for (const [name, { rows }] of this.#namespaces) {
      for (const row of rows.values()) {
        if (taken.length >= count) return taken;
        taken.push(row);
        rows.delete(row.id);
      }
      this.#namespaces.delete(name);
    }
    return taken;
  }

  #by(index: string, key: string): Iterable<Row<T>> {
    const found = this.#indexes.get(index)?.get(key);
    if (found === undefined) return [];
    return found instanceof Set || Array.isArray(found) ? found : [found];
  }

  /** Everything up to `index` is in here. */
  touch(index: number): void {
    if (index > this.#lastIndex) this.#lastIndex = index;
  }

  put(row: Row<T>): void {
    const space = this.#spaceOf(row.namespace);
    const old = space.rows.get(row.id);
    space.rows.set(row.id, row);
    if (old === undefined) {
      space.ids.add(row.id);
      this.#size += 1;
    }
    for (const [name, found] of this.#indexes) {
      if (old !== undefined) for (const key of this.#keysOf(name, old)) unfile(found, key, old);
      for (const key of this.#keysOf(name, row)) file(found, key, row);
    }
  }

  delete(namespace: string, id: string): void {
    for (const rows of this.#arriving) rows.delete(namespace, id);
    const space = this.#namespaces.get(namespace);
    const old = space?.rows.get(id);
    if (space === undefined || old === undefined) return;
    space.rows.delete(id);
    space.ids.delete(id);
    this.#size -= 1;
    for (const [name, found] of this.#indexes) for (const key of this.#keysOf(name, old)) unfile(found, key, old);
    if (space.rows.size > 0) return;
    this.#namespaces.delete(namespace);
    this.#namespaceNames.delete(namespace);
  }

  #keysOf(index: string, row: Row<T>): readonly string[] {
    return this.#table.indexes[index]?.(row.value, row.id) ?? [];
  }

  #spaceOf(namespace: string): Namespace<T> {
    const known = this.#namespaces.get(namespace);
    if (known !== undefined) return known;
    const rows = new Map<string, Row<T>>();
    const fresh = { rows, ids: new SortedKeys(() => rows.keys()) };
    this.#namespaces.set(namespace, fresh);
    this.#namespaceNames.add(namespace);
    return fresh;
  }
}

/** Several lists that are in order, as one: by namespace, then id. */
function* inOrder<T>(lists: readonly Iterable<Row<T>>[]): Generator<Row<T>, void, void> {
  const heads = lists.map((list) => {
    const rows = list[Symbol.iterator]();
    return { rows, next: rows.next() };
  });
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    for (const head of heads) {
      if (head.next.done === true) continue;
      if (first === undefined || first.next.done === true || precedes(head.next.value, first.next.value)) first = head;
    }
    if (first === undefined || first.next.done === true) return;
    yield first.next.value;
    first.next = first.rows.next();
  }
}

function precedes<T>(a: Row<T>, b: Row<T>): boolean {
  const order = compareKeys(a.namespace, b.namespace);
  return order === 0 ? compareKeys(a.id, b.id) < 0 : order < 0;
}

function file<T>(index: Map<string, Found<T>>, key: string, row: Row<T>): void {
  const found = index.get(key);
  if (found === undefined) index.set(key, row);
  else if (Array.isArray(found)) found.push(row);
  else if (found instanceof Set) found.add(row);
  else index.set(key, [found, row]);
}

function unfile<T>(index: Map<string, Found<T>>, key: string, row: Row<T>): void {
  const found = index.get(key);
  if (found === row) {
    index.delete(key);
  } else if (found instanceof Set) {
    found.delete(row);
    if (found.size === 0) index.delete(key);
  } else if (Array.isArray(found)) {
    removeFrom(found, row, (rows) => index.set(key, rows));
    if (found.length === 0) index.delete(key);
  }
}

function removeFrom<T>(list: Row<T>[], row: Row<T>, replace: (rows: Set<Row<T>>) => void): void {
  if (list.length >= LONG_LIST) {
    const rows = new Set(list);
    rows.delete(row);
    replace(rows);
    return;
  }
  const at = list.indexOf(row);
  if (at >= 0) list.splice(at, 1);
}
