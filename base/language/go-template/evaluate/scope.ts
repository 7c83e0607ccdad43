import type { Tree } from "../parse/node.ts";
import type { GoFunction } from "../value.ts";

/** What is known while a template is compiled: which slot a variable name means here, and the functions. */
export class Scope {
  readonly tree: Tree;
  readonly functionOf: (name: string) => { readonly fn: GoFunction; readonly builtin: boolean } | undefined;
  readonly #names: { readonly name: string; readonly slot: number }[] = [{ name: "$", slot: 0 }];
  #slots = 1;

  constructor(tree: Tree, functionOf: Scope["functionOf"]) {
    this.tree = tree;
    this.functionOf = functionOf;
  }

  get slots(): number {
    return this.#slots;
  }

  declare(name: string): number {
    const slot = this.#slots++;
    this.#names.push({ name, slot });
    return slot;
  }

  /** The innermost variable of the name. */
  find(name: string): number | undefined {
    return this.#names.findLast((each) => each.name === name)?.slot;
  }

  /** Variables declared inside end with it. */
  within<Result>(work: () => Result): Result {
    const known = this.#names.length;
    const result = work();
    this.#names.length = known;
    return result;
  }
}
