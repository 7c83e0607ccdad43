import type { Line, Piece } from "./pieces.ts";

/** A line's pieces with the space that belongs between them. */
export function joinPieces(line: Line): string {
  let text = "";
  for (const [index, piece] of line.entries()) {
    const before = line[index - 1];
    text += before !== undefined && spaced(before, piece, line[index - 2]) ? ` ${piece.text}` : piece.text;
  }
  return text;
}

const NEVER_BEFORE: ReadonlySet<Piece["kind"]> = new Set([",", ")", "]", ".", "..."]);
const NEVER_AFTER: ReadonlySet<Piece["kind"]> = new Set(["(", "[", ".", "!"]);
/** After these a value begins, so a `-` is a sign. */
const VALUE_FOLLOWS: ReadonlySet<Piece["kind"]> = new Set([
  "(",
  "[",
  "{",
  ",",
  "=",
  "=>",
  "?",
  ":",
  "==",
  "!=",
  "<",
  "<=",
  ">",
  ">=",
  "+",
  "-",
  "*",
  "/",
  "%",
  "&&",
  "||",
  "!",
]);

function spaced(before: Piece, piece: Piece, earlier: Piece | undefined): boolean {
  if (piece.kind === "comment" || before.kind === "comment") return true;
  // Together they would read as a fraction.
  if (before.kind === "number" && piece.kind === ".") return true;
  if (NEVER_BEFORE.has(piece.kind) || NEVER_AFTER.has(before.kind)) return false;
  if (before.kind === "{" && piece.kind === "}") return false;
  // A call or an index stands right after its value.
  if (piece.kind === "(" || piece.kind === "[") return before.end !== piece.start || VALUE_FOLLOWS.has(before.kind);
  const isSign = before.kind === "-" && (earlier === undefined || VALUE_FOLLOWS.has(earlier.kind));
  return !isSign;
}
