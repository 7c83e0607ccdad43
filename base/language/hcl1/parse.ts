import type { Expression, ObjectConstructor, ObjectItem } from "../hcl/ast.ts";
import { locate, type Diagnostic } from "../hcl/diagnostic.ts";
import type { SourceText, Span } from "../hcl/source.ts";
import { lexHcl1, type LexFault, type Token } from "./lex.ts";

export type ParsedHcl1 =
  | { readonly ok: true; readonly node: ObjectConstructor }
  | { readonly ok: false; readonly diagnostic: Diagnostic };

/** Deeper nesting is refused. */
export const MAX_DEPTH = 100;

/**
 * HCL of the first version (https://github.com/hashicorp/hcl/tree/hcl1) as an object: keys in the order of the file, repeated
 * ones repeated. Several keys before a value are objects in one another.
 */
export function parseHcl1(source: SourceText): ParsedHcl1 {
  const { tokens, fault } = lexHcl1(source.text);
  try {
    if (fault !== undefined) throw new Stop(fault);
    const parser = new Parser(tokens);
    return { ok: true, node: { kind: "object", items: parser.items("end", 0), start: 0, end: source.text.length } };
  } catch (thrown) {
    if (!(thrown instanceof Stop)) throw thrown;
    const { message, hint, start, end } = thrown.fault;
    const complaint = { code: "hcl1_syntax", message, span: { start, end } };
    return { ok: false, diagnostic: locate(hint === undefined ? complaint : { ...complaint, hint }, { source }) };
  }
}

class Stop extends Error {
  readonly fault: LexFault;
  constructor(fault: LexFault) {
    super(fault.message);
    this.fault = fault;
  }
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  items(closer: "end" | "}", depth: number): readonly ObjectItem[] {
    if (depth > MAX_DEPTH) this.#stop(`more than ${MAX_DEPTH} objects in one another`);
    const items: ObjectItem[] = [];
    for (;;) {
      this.#skip(["line", ","]);
      if (this.#peek().kind === closer) {
        this.#at++;
        return items;
      }
      // Lines mean nothing: two keys may stand in one.
      items.push(this.#item(depth));
    }
  }

  #item(depth: number): ObjectItem {
    const keys = [this.#key()];
    while (["name", "text"].includes(this.#peek().kind)) keys.push(this.#key());
    const next = this.#peek();
    let value: Expression;
    if (next.kind === "=") {
      this.#at++;
      this.#skip(["line"]);
      value = this.#value(depth);
    } else if (next.kind === "{") value = this.#object(depth);
    else this.#stop(`expected = or { after ${JSON.stringify(keyText(keys.at(-1)))}, found ${nameOf(next)}`);
    const [first, ...rest] = keys;
    if (first === undefined) this.#stop("expected a key");
    for (const key of rest.toReversed()) {
      const span = { start: key.start, end: value.end };
      value = { kind: "object", items: [{ key, value, ...span }], ...span };
    }
    return { key: first, value, start: first.start, end: value.end };
  }

  #key(): Expression {
    const token = this.#peek();
    if (token.kind !== "name" && token.kind !== "text") this.#stop(`expected a key, found ${nameOf(token)}`);
    this.#at++;
    return { kind: "literal", value: token.value, start: token.start, end: token.end };
  }

  #value(depth: number): Expression {
    const token = this.#peek();
    if (token.kind === "{") return this.#object(depth);
    if (token.kind === "[") return this.#list(depth);
    const { start, end } = token;
    if (token.kind === "name" && token.value !== "true" && token.value !== "false")
      this.#stop(`expected a value, found the word ${token.value}`, `for text write "${token.value}"`);
    if (token.kind !== "name" && token.kind !== "text" && token.kind !== "number")
      this.#stop(`expected a value, found ${nameOf(token)}`);
    this.#at++;
    return { kind: "literal", value: token.kind === "name" ? token.value === "true" : token.value, start, end };
  }

  #object(depth: number): ObjectConstructor {
    const { start } = this.#peek();
    this.#at++;
    const items = this.items("}", depth + 1);
    return { kind: "object", items, start, end: this.#tokens[this.#at - 1]?.end ?? start };
  }

  #list(depth: number): Expression {
    if (depth > MAX_DEPTH) this.#stop(`more than ${MAX_DEPTH} lists in one another`);
    const { start } = this.#peek();
    this.#at++;
    const items: Expression[] = [];
    for (;;) {
      this.#skip(["line"]);
      if (this.#peek().kind === "]") break;
      items.push(this.#value(depth + 1));
      this.#skip(["line"]);
      const next = this.#peek();
      if (next.kind === ",") this.#at++;
      else if (next.kind !== "]") this.#stop(`expected , or ] in a list, found ${nameOf(next)}`);
    }
    this.#at++;
    return { kind: "tuple", items, start, end: this.#tokens[this.#at - 1]?.end ?? start };
  }

  #skip(kinds: readonly Token["kind"][]): void {
    while (kinds.includes(this.#peek().kind)) this.#at++;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", start: 0, end: 0 };
  }

  #stop(message: string, hint?: string): never {
    const { start, end }: Span = this.#peek();
    throw new Stop(hint === undefined ? { message, start, end } : { message, hint, start, end });
  }
}

function keyText(key: Expression | undefined): string {
  return key?.kind === "literal" ? String(key.value) : "";
}

function nameOf(token: Token): string {
  if (token.kind === "line") return "the end of the line";
  if (token.kind === "end") return "the end of the file";
  return "value" in token ? JSON.stringify(token.value) : `"${token.kind}"`;
}
