import type { Problem, Scope } from "../evaluate/scope.ts";
import type { Value } from "../evaluate/value.ts";
import type { Block, Body } from "../ast.ts";

/** What a block's keys become: JSON-like, checked by a schema afterwards. */
export type Fields = Record<string, unknown>;

export type Reading = { readonly value: unknown } | Problem;

/** How an attribute's value is read. */
export type Reader = (value: Value) => Reading;

export interface AttributeRule {
  readonly field: string;
  readonly read: Reader;
}

export type BlockRule = NestedRule | FreeRule | CustomRule;

/** A block with a table of its own. */
export interface NestedRule {
  readonly kind: "nested";
  readonly field: string;
  /** `one`: at most one. `list`: any number. `map`: any number, by label. */
  readonly many: "one" | "list" | "map";
  /** The field that takes the block's label; empty: it has one that is only the key; undefined: it has none. */
  readonly label?: string;
  readonly optionalLabel?: boolean;
  readonly table: () => BlockTable;
}

/** A block whose keys are free. */
export interface FreeRule {
  readonly kind: "free";
  readonly field: string;
  /** Reads the whole as one value. */
  readonly read: Reader;
}

export interface CustomRule {
  readonly kind: "custom";
  readonly decode: (block: Block, scope: Scope, into: Fields) => void;
  /** What its keys are in JSON; without it, it is an attribute there. */
  readonly json?: Pick<NestedRule, "label" | "optionalLabel" | "table">;
}

/** A rule for an attribute. */
export function to(field: string, read: Reader): AttributeRule {
  return { field, read };
}

export interface NestedOptions {
  readonly many?: NestedRule["many"];
  readonly label?: string;
  readonly optionalLabel?: boolean;
}

export function nestedBlock(field: string, table: BlockTable, options: NestedOptions = {}): NestedRule {
  return { kind: "nested", many: "one", field, table: () => table, ...options };
}

export function freeBlock(field: string, read: Reader): FreeRule {
  return { kind: "free", field, read };
}

/** The keys a block may have. */
export interface BlockTable {
  readonly name: string;
  readonly attributes: Readonly<Record<string, AttributeRule>>;
  readonly blocks: Readonly<Record<string, BlockRule>>;
  /** Other keys may be there, too, whose values are no objects. */
  readonly isOpen?: true;
  /** Keys that are understood but have no meaning here any more, with what to do instead. */
  readonly ignored?: Readonly<Record<string, string>>;
  /** Turns what was read into what is stored. */
  readonly finish?: (fields: Fields, place: { readonly scope: Scope; readonly body: Body }) => Fields;
}
