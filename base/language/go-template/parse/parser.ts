import { quote } from "../format/quote.ts";
import type { Item } from "../lex/item.ts";
import { Cursor } from "./cursor.ts";
import { parsePipeline, parseString, type Scope } from "./expression.ts";
import type { BranchNode, ListNode, PipeNode, Statement, TemplateNode, Tree } from "./node.ts";

export interface ParserOptions {
  readonly name: string;
  readonly text: string;
  readonly leftDelim: string;
  readonly rightDelim: string;
  readonly hasFunction: (name: string) => boolean;
}

/** Blocks within blocks; Go has no limit, but runs on a stack that grows. */
const MAX_NESTING = 500;

/** What ends a list: `{{end}}`, or an `{{else}}` whose `if` or `with` may still be waiting. */
type Ending = "end" | "else";

/** Reads one file: its own template and those it defines, into `trees`. Throws `ParseFailure`. */
export class Parser {
  readonly #options: ParserOptions;
  readonly #trees: Map<string, Tree>;
  readonly #cursor: Cursor;
  #scope: Scope;
  #rangeDepth = 0;
  #nesting = 0;

  constructor(options: ParserOptions, trees: Map<string, Tree>) {
    this.#options = options;
    this.#trees = trees;
    const { text, leftDelim, rightDelim, hasFunction } = options;
    const notKeywords = new Set(["break", "continue"].filter((word) => hasFunction(word)));
    this.#cursor = new Cursor(options.name, { text, leftDelim, rightDelim, notKeywords });
    this.#scope = this.#newScope();
  }

  parse(): void {
    const cursor = this.#cursor;
    const nodes: Statement[] = [];
    while (cursor.peek().kind !== "eof") {
      if (cursor.peek().kind === "left delim" && this.#parseDefinition()) continue;
      const node = this.#textOrAction();
      if (node === "end" || node === "else") cursor.fail(`unexpected {{${node}}}`);
      else nodes.push(node);
    }
    this.#add(this.#options.name, { nodes });
  }

  #newScope(): Scope {
    return { cursor: this.#cursor, variables: ["$"], hasFunction: this.#options.hasFunction, depth: 0 };
  }

  /** A later definition replaces one without content, and only that, within one file. */
  #add(name: string, root: ListNode): void {
    const existing = this.#trees.get(name);
    if (existing !== undefined && !isEmpty(existing.root)) {
      if (!isEmpty(root)) this.#cursor.fail(`template: multiple definition of template ${quote(name)}`);
      return;
    }
    this.#trees.set(name, { name, parseName: this.#options.name, text: this.#options.text, root });
  }

  /** `false`: the action ahead is no `define`. */
  #parseDefinition(): boolean {
    const cursor = this.#cursor;
    const delim = cursor.next();
    const word = cursor.nextNonSpace();
    if (word.kind !== "define") {
      cursor.back(delim, word);
      return false;
    }
    const context = "define clause";
    const item = cursor.expect("string", context);
    const name = parseString(cursor, item);
    cursor.expect("right delim", context);
    this.#add(name, this.#body(context));
    return true;
  }

  /** The list of a `define` or `block`: no variables of the surrounding template, no `break` out of its loops. */
  #body(context: string): ListNode {
    const outer = { scope: this.#scope, rangeDepth: this.#rangeDepth, actionLine: this.#cursor.actionLine };
    this.#scope = this.#newScope();
    this.#rangeDepth = 0;
    this.#cursor.actionLine = 0;
    const { list, ending } = this.#itemList();
    if (ending !== "end") this.#cursor.fail(`unexpected {{${ending}}} in ${context}`);
    this.#scope = outer.scope;
    this.#rangeDepth = outer.rangeDepth;
    this.#cursor.actionLine = outer.actionLine;
    return list;
  }

  #itemList(): { readonly list: ListNode; readonly ending: Ending } {
    if (this.#nesting >= MAX_NESTING) this.#cursor.fail("max block depth exceeded");
    this.#nesting++;
    const nodes: Statement[] = [];
    while (this.#cursor.peekNonSpace().kind !== "eof") {
      const node = this.#textOrAction();
      if (node === "end" || node === "else") {
        this.#nesting--;
        return { list: { nodes }, ending: node };
      }
      nodes.push(node);
    }
    return this.#cursor.fail("unexpected EOF");
  }

  #textOrAction(): Statement | Ending {
    const cursor = this.#cursor;
    const item = cursor.nextNonSpace();
    if (item.kind === "text") return { kind: "text", position: item.position, text: item.value };
    if (item.kind !== "left delim") return cursor.unexpected(item, "input");
    cursor.actionLine = item.line;
    const node = this.#action();
    cursor.actionLine = 0;
    return node;
  }

  #action(): Statement | Ending {
    const cursor = this.#cursor;
    const item = cursor.nextNonSpace();
    switch (item.kind) {
      case "block":
        return this.#block();
      case "break":
      case "continue":
        return this.#jump(item.kind, item.position);
      case "else":
        return this.#else();
      case "end":
        cursor.expect("right delim", "end");
        return "end";
      case "if":
      case "range":
      case "with":
        return this.#branch(item.kind);
      case "template":
        return this.#template();
      default: {
        cursor.back(item);
        // Variables it declares stay until the surrounding "end".
        const pipe = parsePipeline(this.#scope, "command", "right delim");
        return { kind: "action", position: item.position, pipe };
      }
    }
  }

  #jump(kind: "break" | "continue", position: number): Statement {
    const item = this.#cursor.nextNonSpace();
    if (item.kind !== "right delim") this.#cursor.unexpected(item, `{{${kind}}}`);
    if (this.#rangeDepth === 0) this.#cursor.fail(`{{${kind}}} outside {{range}}`);
    return { kind, position };
  }

  #else(): "else" {
    const { kind } = this.#cursor.peekNonSpace();
    if (kind !== "if" && kind !== "with") this.#cursor.expect("right delim", "else");
    return "else";
  }

  #branch(kind: BranchNode["kind"]): BranchNode {
    const known = this.#scope.variables.length;
    const pipe = parsePipeline(this.#scope, kind, "right delim");
    if (kind === "range") this.#rangeDepth++;
    const { list, ending } = this.#itemList();
    if (kind === "range") this.#rangeDepth--;
    const elseList = ending === "else" ? this.#elseList(kind) : undefined;
    this.#scope.variables.length = known;
    return { kind, position: pipe.position, pipe, list, elseList };
  }

  /** `{{else if}}` and `{{else with}}` share the `{{end}}` of the block they are in. */
  #elseList(kind: BranchNode["kind"]): ListNode {
    const cursor = this.#cursor;
    if (kind !== "range" && cursor.peek().kind === kind) {
      cursor.next();
      if (this.#nesting >= MAX_NESTING) cursor.fail("max block depth exceeded");
      this.#nesting++;
      const node = this.#branch(kind);
      this.#nesting--;
      return { nodes: [node] };
    }
    const { list, ending } = this.#itemList();
    if (ending !== "end") cursor.fail(`expected end; found {{${ending}}}`);
    return list;
  }

  #block(): TemplateNode {
    const context = "block clause";
    const item = this.#cursor.nextNonSpace();
    const name = this.#templateName(item, context);
    const pipe = parsePipeline(this.#scope, context, "right delim");
    this.#add(name, this.#body(context));
    return { kind: "template", position: item.position, name, pipe };
  }

  #template(): TemplateNode {
    const context = "template clause";
    const item = this.#cursor.nextNonSpace();
    const name = this.#templateName(item, context);
    const next = this.#cursor.nextNonSpace();
    let pipe: PipeNode | undefined;
    if (next.kind !== "right delim") {
      this.#cursor.back(next);
      pipe = parsePipeline(this.#scope, context, "right delim");
    }
    return { kind: "template", position: item.position, name, pipe };
  }

  #templateName(item: Item, context: string): string {
    return item.kind === "string" ? parseString(this.#cursor, item) : this.#cursor.unexpected(item, context);
  }
}

/** Nothing but white space and comments. */
export function isEmpty(list: ListNode): boolean {
  return list.nodes.every((node) => node.kind === "text" && node.text.trim() === "");
}
