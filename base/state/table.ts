import type * as v from "valibot";
import type { Sharing } from "./sharing.ts";

/** A kind of record: where it lives in the keyspace, how it is read, what it is found by. */
export interface Table<T> {
  readonly name: string;
  /** Version of the stored shape, written beside every value. */
  readonly schemaVersion: number;
  readonly schema: v.GenericSchema<unknown, T>;
  /** Secondary indexes: name → the keys a value is found under. */
  readonly indexes: Readonly<Record<string, IndexKeys<T>["keysOf"]>>;
  /** Makes parts that are alike one in memory, in place: for tables of millions of rows. */
  readonly share?: Shares<T>["share"];
  /**
   * Views of the process that writes take the value itself, not a copy read from the text: for tables written by the
   * hundred thousand, whose writers make every value anew and change none. Default false.
   */
  readonly handedOver?: boolean;
  /** Until every server knows this version, rows are stored in the shape of the one before; see `shapes/`. */
  readonly before?: FormerShape<T>;
  /** The id where the value holds it too: one text in memory then serves both. */
  readonly idIn?: Shares<T>["idIn"];
}

/** A method's type, for the same reason. */
interface Lowers<T> {
  down(value: T): unknown;
}

/** How a table's version and the one before it are made of each other. */
export interface FormerShape<T> {
  /** The value as the version before stores it. */
  readonly down: Lowers<T>["down"];
  /** What `schema` is to read of such a value. Default: the value as it is, with what the schema fills in. */
  readonly up?: (value: unknown) => unknown;
}

/** A method's type, for the same reason. */
interface Shares<T> {
  share(value: T, sharing: Sharing): void;
  idIn(value: T): string;
}

/** A method's type, so that a table of jobs is a table of something: its rows only ever come from itself. */
interface IndexKeys<T> {
  keysOf(value: T, id: string): readonly string[];
}

export function defineTable<T>(table: Table<T>): Table<T> {
  return table;
}

export interface Row<T> {
  readonly namespace: string;
  readonly id: string;
  readonly value: T;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** One table as the view holds it now. Iterators see one consistent state as long as the caller does not await. */
export interface TableView<T> {
  get(namespace: string, id: string): Row<T> | undefined;
  /** In ascending order of namespace, id. `namespace` undefined: all of them. */
  list(namespace?: string, idPrefix?: string): Iterable<Row<T>>;
  /** All rows in no order; may be continued in a later turn, and then misses some that came or went in between. */
  each(): Iterable<Row<T>>;
  by(index: string, key: string): Iterable<Row<T>>;
  /** How many rows {@link by} gives, counting at most those that are moving in twice. */
  count(index: string, key: string): number;
  readonly size: number;
  /** Revision of the newest change to this table, deletes included; at least 1. */
  readonly lastIndex: number;
}

/** A materialised copy of the state, following the store's change stream. */
export interface View {
  /** The newest revision this view has applied. */
  readonly index: number;
  table<T>(table: Table<T>): TableView<T>;
  /** Called after each applied revision, with what changed. Returns the function that ends it. */
  onChange(listener: (change: ViewChange) => void): () => void;
  /** Resolves once the view has applied `revision` (read your own writes). */
  reached(revision: number): Promise<void>;
  /** Keys of rows that were staged (`staging.ts`) by whoever did not live to show them, by the name they are staged under. */
  staged(): ReadonlyMap<string, readonly string[]>;
  /**
   * What the store tells from now on is kept back until the function that it returns is called, and then seen at once.
   * Nobody who waits for it ({@link reached}) is answered before.
   */
  hold(): () => void;
  close(): void;
}

export interface ViewChange {
  readonly revision: number;
  readonly rows: readonly ViewRowChange[];
}

export interface ViewRowChange {
  readonly table: string;
  readonly namespace: string;
  readonly id: string;
  readonly kind: "put" | "delete";
}
