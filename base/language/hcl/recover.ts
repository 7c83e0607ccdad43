import type { Parser } from "./parser.ts";
import type { Token } from "./token.ts";

/**
 * After a mistake in an item: goes on to the line end where the item's brackets are closed, so that the next item is
 * read as one. Where a `[` or `(` was never closed, a line that starts like an item ends the search.
 */
export function synchronize(parser: Parser, itemStart: number): void {
  if (parser.index >= parser.tokens.length - 1) return resume(parser);
  const open: Token[] = [];
  for (let index = itemStart; index < parser.index; index++) track(open, parser.tokens[index]);
  for (; parser.index < parser.tokens.length - 1; parser.index++) {
    const token = parser.tokens[parser.index];
    if (token === undefined) break;
    if (open.length === 0 && token.type === "newline") break;
    if (token.type === "}" && !insideBraces(open)) break;
    if (token.type === "newline" && !insideBraces(open) && startsItem(parser, parser.index + 1)) break;
    track(open, token);
  }
  resume(parser);
}

function resume(parser: Parser): void {
  parser.newlines = true;
  parser.recovering = false;
}

function track(open: Token[], token: Token | undefined): void {
  switch (token?.type) {
    case "{":
    case "[":
    case "(":
    case "interpolation":
    case "directive":
    case "quote-open":
    case "heredoc-open":
      open.push(token);
      break;
    case "}":
    case "]":
    case ")":
    case "sequence-end":
    case "quote-close":
    case "heredoc-close":
      open.pop();
      break;
    default:
  }
}

function insideBraces(open: readonly Token[]): boolean {
  return open.some((token) => token.type !== "[" && token.type !== "(");
}

function startsItem(parser: Parser, index: number): boolean {
  const first = parser.tokens[index]?.type;
  const second = parser.tokens[index + 1]?.type;
  if (first === "}") return true;
  return first === "identifier" && (second === "=" || second === "{" || second === "quote-open");
}
