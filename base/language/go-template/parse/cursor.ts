import { Lexer, type LexOptions } from "../lex/lexer.ts";
import { showItem, type Item, type ItemKind } from "../lex/item.ts";
import { ParseFailure } from "./failure.ts";

/** Reads items with look-ahead, and words what is wrong with them. */
export class Cursor {
  readonly #lexer: Lexer;
  readonly #name: string;
  /** Read from the lexer and not yet consumed, the next one last. */
  readonly #ahead: Item[] = [];
  #newest: Item | undefined;
  /** Line of the left delimiter of the action being read; 0 outside. */
  actionLine = 0;

  constructor(name: string, options: LexOptions) {
    this.#name = name;
    this.#lexer = new Lexer(options);
  }

  next(): Item {
    const item = this.#ahead.pop();
    if (item !== undefined) return item;
    this.#newest = this.#lexer.next();
    return this.#newest;
  }

  back(...items: readonly Item[]): void {
    for (const item of items.toReversed()) this.#ahead.push(item);
  }

  peek(): Item {
    const item = this.next();
    this.#ahead.push(item);
    return item;
  }

  nextNonSpace(): Item {
    let item = this.next();
    while (item.kind === "space") item = this.next();
    return item;
  }

  peekNonSpace(): Item {
    const item = this.nextNonSpace();
    this.#ahead.push(item);
    return item;
  }

  expect(kind: ItemKind, context: string): Item {
    const item = this.nextNonSpace();
    return item.kind === kind ? item : this.unexpected(item, context);
  }

  unexpected(item: Item, context: string): never {
    if (item.kind !== "error") return this.fail(`unexpected ${showItem(item)} in ${context}`);
    const started = this.actionLine !== 0 && this.actionLine !== item.line;
    const where = item.value.endsWith(" action") ? " started at" : " in action started at";
    return this.fail(`${item.value}${started ? `${where} ${this.#name}:${this.actionLine}` : ""}`);
  }

  fail(message: string): never {
    const line = this.#newest?.line ?? 1;
    throw new ParseFailure(`template: ${this.#name}:${line}: ${message}`, line);
  }
}
