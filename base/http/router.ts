import { assert } from "#base/env/assert.ts";
import type { Method, Route } from "./route.ts";
import { decodeSegment } from "./target.ts";

export type Match =
  | { readonly kind: "found"; readonly row: Route; readonly method: Method; readonly params: Params }
  | { readonly kind: "missing" }
  /** The path is known, the method is not. */
  | { readonly kind: "method"; readonly allow: readonly string[] };

type Params = Readonly<Record<string, string>>;

/** Finds the row of a request. Rows that collide are a programmer's error and throw here. */
export class Router {
  readonly #root = newNode();

  constructor(rows: readonly Route[]) {
    for (const row of rows) this.#add(row);
  }

  /** `segments` undecoded. Throws an `HttpError` 400 for a broken percent-encoding in a name. */
  match(method: string, segments: readonly string[]): Match {
    const ends: End[] = [];
    const found = find(this.#root, { method, segments, at: 0, bound: [], ends });
    if (found !== undefined) {
      const { row, names, method: known } = found.leaf;
      const params: Record<string, string> = {};
      for (const [i, name] of names.entries()) params[name] = found.bound[i] ?? "";
      return { kind: "found", row, method: known, params };
    }
    if (ends.length === 0) return { kind: "missing" };
    return { kind: "method", allow: [...new Set([...ends.flatMap((end) => [...end.keys()]), "OPTIONS"])].toSorted() };
  }

  #add(row: Route): void {
    assert(row.path.startsWith("/"), `route ${row.path} must start with a slash`);
    let node = this.#root;
    const names: string[] = [];
    let end: End | undefined;
    for (const segment of row.path.split("/").slice(1)) {
      assert(end === undefined, `route ${row.path}: nothing may follow *name`);
      const kind = segment.charAt(0);
      if (kind === ":" || kind === "+" || kind === "*") names.push(segment.slice(1));
      if (kind === "*") end = node.rest ??= new Map();
      else if (kind === ":") node = node.one ??= newNode();
      else if (kind === "+") node = node.some ??= newNode();
      else node = literal(node, segment);
    }
    end ??= node.end;
    const methods: readonly Method[] = typeof row.method === "string" ? [row.method] : row.method;
    for (const method of methods) {
      assert(!end.has(method) || method === "HEAD", `route ${method} ${row.path} is there twice`);
      end.set(method, { row, names, method });
      if (method === "GET" && !end.has("HEAD")) end.set("HEAD", { row, names, method: "HEAD" });
    }
  }
}

interface Leaf {
  readonly row: Route;
  readonly names: readonly string[];
  readonly method: Method;
}

/** What is served at one path, by method. */
type End = Map<string, Leaf>;

interface Node {
  readonly literals: Map<string, Node>;
  readonly end: End;
  one: Node | undefined;
  some: Node | undefined;
  rest: End | undefined;
}

interface Search {
  readonly method: string;
  readonly segments: readonly string[];
  readonly at: number;
  /** Values of the names on the way, decoded. */
  readonly bound: readonly string[];
  /** Ends that fit the path but not the method. */
  readonly ends: End[];
}

type Found = { readonly leaf: Leaf; readonly bound: readonly string[] } | undefined;

function newNode(): Node {
  return { literals: new Map(), end: new Map(), one: undefined, some: undefined, rest: undefined };
}

function literal(node: Node, segment: string): Node {
  const known = node.literals.get(segment);
  if (known !== undefined) return known;
  const next = newNode();
  node.literals.set(segment, next);
  return next;
}

function find(node: Node, search: Search): Found {
  const { segments, at } = search;
  const segment = segments[at];
  if (segment === undefined) {
    return pick(node.end, search, search.bound) ?? (node.rest && pick(node.rest, search, [...search.bound, ""]));
  }
  const next = node.literals.get(segment);
  return (
    (next && find(next, { ...search, at: at + 1 })) ??
    findOne(node, search, segment) ??
    findSome(node, search) ??
    (node.rest && pick(node.rest, search, [...search.bound, decodeSegment(segments.slice(at).join("/"))]))
  );
}

function findOne(node: Node, search: Search, segment: string): Found {
  if (node.one === undefined || segment === "") return undefined;
  return find(node.one, { ...search, at: search.at + 1, bound: [...search.bound, decodeSegment(segment)] });
}

/** The fewest segments after which the rest of the pattern fits. */
function findSome(node: Node, search: Search): Found {
  if (node.some === undefined || search.segments[search.at] === "") return undefined;
  for (let to = search.at + 1; to <= search.segments.length; to++) {
    const value = decodeSegment(search.segments.slice(search.at, to).join("/"));
    const found = find(node.some, { ...search, at: to, bound: [...search.bound, value] });
    if (found !== undefined) return found;
  }
  return undefined;
}

function pick(end: End, search: Search, bound: readonly string[]): Found {
  const leaf = end.get(search.method);
  if (leaf !== undefined) return { leaf, bound };
  if (end.size > 0) search.ends.push(end);
  return undefined;
}
