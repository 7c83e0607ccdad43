const SPACE = /[ \t\n\r]*/y;
const TOKEN =
  /[{}[\],:]|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

type Expected =
  | "a value"
  | "a value or ]"
  | "a key or }"
  | "a key"
  | "a colon"
  | "a comma or }"
  | "a comma or ]"
  | "the end";

export interface JsonProblem {
  readonly offset: number;
  readonly expected: string;
}

/**
 * Where a text goes wrong that is not JSON (RFC 8259), for a message: the engine's errors mostly hold no position.
 * Undefined when the text is fine.
 */
export function findJsonProblem(text: string): JsonProblem | undefined {
  const open: string[] = [];
  let expected: Expected = "a value";
  // Own copies: a sticky expression keeps its place.
  const space = new RegExp(SPACE);
  const tokens = new RegExp(TOKEN);
  let at = 0;
  for (;;) {
    at += matchAt(space, text, at).length;
    if (at === text.length && expected === "the end") return undefined;
    const token = matchAt(tokens, text, at);
    const next: Expected | undefined = token === "" ? undefined : follow(expected, token, open);
    if (next === undefined) return { offset: at, expected };
    expected = next;
    at += token.length;
  }
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

/** What may come after `token` where `expected` may; undefined when it may not be there. `open` holds the brackets around. */
function follow(expected: Expected, token: string, open: string[]): Expected | undefined {
  const kind = token.charAt(0);
  if (expected === "a colon") return kind === ":" ? "a value" : undefined;
  if (kind === "}" && (expected === "a key or }" || expected === "a comma or }")) return close(open);
  if (kind === "]" && (expected === "a value or ]" || expected === "a comma or ]")) return close(open);
  if (kind === "," && expected === "a comma or }") return "a key";
  if (kind === "," && expected === "a comma or ]") return "a value";
  if (expected === "a key" || expected === "a key or }") return kind === '"' ? "a colon" : undefined;
  if (expected !== "a value" && expected !== "a value or ]") return undefined;
  if (kind === "{" || kind === "[") {
    open.push(kind);
    return kind === "{" ? "a key or }" : "a value or ]";
  }
  return /[}\],:]/.test(kind) ? undefined : afterValue(open);
}

function close(open: string[]): Expected {
  open.pop();
  return afterValue(open);
}

function afterValue(open: readonly string[]): Expected {
  const around = open.at(-1);
  if (around === undefined) return "the end";
  return around === "{" ? "a comma or }" : "a comma or ]";
}
