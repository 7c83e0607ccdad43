import { lex } from "../lexer.ts";
import type { Token, TokenType } from "../token.ts";

/** What a formatter moves as a whole: a sign, a word, a whole string or heredoc, a comment. */
export interface Piece {
  readonly kind: TokenType | "string" | "heredoc" | "comment";
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A line's pieces; a heredoc or a block comment may make a "line" several lines long. */
export type Line = readonly Piece[];

/** The lines of a source that parses without mistakes. */
export function linesOf(text: string): readonly Line[] {
  const { tokens, comments } = lex(text);
  const commentPieces = comments.map(({ start, end }): Piece => ({
    kind: "comment",
    text: text.slice(start, end).trimEnd(),
    start,
    end,
  }));
  const pieces = [...merged(tokens, text), ...commentPieces].sort((a, b) => a.start - b.start);
  const lines: Piece[][] = [[]];
  for (const piece of pieces) {
    if (piece.kind === "end-of-file") continue;
    if (piece.kind === "newline") lines.push([]);
    else lines.at(-1)?.push(piece);
  }
  return lines;
}

const OPENS: Partial<Record<TokenType, "string" | "heredoc">> = { "quote-open": "string", "heredoc-open": "heredoc" };
const CLOSES: ReadonlySet<TokenType> = new Set(["quote-close", "heredoc-close"]);

/** Strings and heredocs become one piece each, with all that is nested in them. */
function merged(tokens: readonly Token[], text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  const open: Token[] = [];
  for (const token of tokens) {
    if (OPENS[token.type] !== undefined) open.push(token);
    else if (CLOSES.has(token.type)) {
      const opening = open.pop();
      if (opening !== undefined && open.length === 0) pieces.push(whole(opening, token, text));
    } else if (open.length === 0) {
      pieces.push({ kind: token.type, text: text.slice(token.start, token.end), start: token.start, end: token.end });
    }
  }
  return pieces;
}

function whole(opening: Token, closing: Token, text: string): Piece {
  const { start } = opening;
  return { kind: OPENS[opening.type] ?? "string", text: text.slice(start, closing.end), start, end: closing.end };
}
