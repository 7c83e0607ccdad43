import { fail, succeed, type Result } from "#base/env/errors.ts";

export interface FilterToken {
  readonly kind: "word" | "text" | "number" | "sign" | "end";
  /** The word, the text without its quotes, the sign. */
  readonly value: string;
  /** From 1. */
  readonly column: number;
}

const TOKEN =
  /\s*(?:([A-Za-z_][\w-]*)|("(?:[^"\\]|\\[^])*"|`[^`]*`)|(-?\d+(?:\.\d+)?(?!\w|\.\d))|(==|!=|[()[\]{}.,])|(\S))/gy;

/** Cuts a filter into tokens; the last one is the end. */
export function lexFilter(text: string): Result<readonly FilterToken[]> {
  const tokens: FilterToken[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const [all, word, quoted, number, sign, other] = match;
    const column = match.index + all.length - all.trimStart().length + 1;
    if (word !== undefined) tokens.push({ kind: "word", value: word, column });
    else if (number !== undefined) tokens.push({ kind: "number", value: number, column });
    else if (sign !== undefined) tokens.push({ kind: "sign", value: sign, column });
    else if (quoted !== undefined) {
      const value = unquote(quoted);
      if (value === undefined) return fail("bad_filter", `bad escape in ${quoted} at character ${column}`);
      tokens.push({ kind: "text", value, column });
    } else {
      return fail("bad_filter", `${JSON.stringify(other)} has no meaning at character ${column}`, hintFor(other ?? ""));
    }
  }
  tokens.push({ kind: "end", value: "", column: text.length + 1 });
  return succeed(tokens);
}

function unquote(quoted: string): string | undefined {
  if (quoted.startsWith("`")) return quoted.slice(1, -1);
  try {
    const value: unknown = JSON.parse(quoted.replaceAll("\n", "\\n").replaceAll("\t", "\\t"));
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function hintFor(character: string): string {
  if (character === '"') return "the text is not closed";
  if (character === "=") return 'equality is written "=="';
  if (character === "&") return 'write "and"';
  if (character === "|") return 'write "or"';
  if (character === "!") return 'write "not"';
  return 'texts stand in double quotes: Name == "web"';
}
