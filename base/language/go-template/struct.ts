import type { GoType } from "./type.ts";
import { GoObject, type GoFunction, type GoMethods, type GoValue } from "./value.ts";

export interface StructOptions {
  readonly type: GoType;
  /** In declared order. */
  readonly fields: Readonly<Record<string, GoValue>>;
  readonly methods?: GoMethods;
  /** Go's `String()`. */
  readonly text?: () => string;
}

/** A struct (type of kind `struct`) or a pointer to one (kind `pointer`). */
export class GoStruct extends GoObject {
  readonly type: GoType;
  readonly #fields: Readonly<Record<string, GoValue>>;
  readonly #methods: GoMethods;
  readonly #text: (() => string) | undefined;

  constructor(options: StructOptions) {
    super();
    this.type = options.type;
    this.#fields = options.fields;
    this.#methods = options.methods ?? none;
    this.#text = options.text;
  }

  field(name: string): GoValue | undefined {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  method(name: string): GoFunction | undefined {
    return this.#methods.get(name)?.(this);
  }

  fields(): Iterable<readonly [string, GoValue]> {
    return Object.entries(this.#fields);
  }

  override text(): string | undefined {
    return this.#text?.();
  }
}

/** A named type over a plain kind: `time.Duration` over int64, `dependency.Foo` over string. `value` is the plain value. */
export class GoNamed extends GoObject {
  readonly type: GoType;
  readonly value: GoValue;
  readonly #methods: GoMethods;
  readonly #text: (() => string) | undefined;

  constructor(options: {
    readonly type: GoType;
    readonly value: GoValue;
    readonly methods?: GoMethods;
    readonly text?: () => string;
  }) {
    super();
    this.type = options.type;
    this.value = options.value;
    this.#methods = options.methods ?? none;
    this.#text = options.text;
  }

  field(): undefined {
    return undefined;
  }

  method(name: string): GoFunction | undefined {
    return this.#methods.get(name)?.(this);
  }

  fields(): Iterable<readonly [string, GoValue]> {
    return [];
  }

  override underlying(): GoValue {
    return this.value;
  }

  override text(): string | undefined {
    return this.#text?.();
  }

  override equals(other: GoObject): boolean {
    return other instanceof GoNamed && other.type.name === this.type.name && other.value === this.value;
  }
}

const none: ReadonlyMap<string, (receiver: GoValue) => GoFunction> = new Map();
