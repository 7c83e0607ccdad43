import { SortedKeys } from "./sorted-keys.ts";
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
  #size = 0;
  #lastIndex = 1;

  constructor(table: Table<T>) {
    this.#table = table;
    this.#indexes = new Map(Object.keys(table.indexes).map((name) => [name, new Map<string, Found<T>>()]));
  }

  get size(): number {
    return this.#size;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get(namespace: string, id: string): Row<T> | undefined {
    return this.#namespaces.get(namespace)?.rows.get(id);
  }

  *list(namespace?: string, idPrefix = ""): Generator<Row<T>, void, void> {
    for (const name of namespace === undefined ? this.#namespaceNames.from("") : [namespace]) {
      const space = this.#namespaces.get(name);
      if (space === undefined) continue;
      for (const id of space.ids.under(idPrefix)) {
        const row = space.rows.get(id);
        if (row !== undefined) yield row;
      }
    }
  }

  by(index: string, key: string): Iterable<Row<T>> {
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
