import type { Diagnostic } from "../diagnostic.ts";
import { parseHcl } from "../parse.ts";
import { characters, type SourceText } from "../source.ts";
import { linesOf, type Line } from "./pieces.ts";
import { joinPieces } from "./spacing.ts";

export type Formatted =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

const INDENT = "  ";

/**
 * The file in the usual layout: two spaces a level, one space around signs, the `=` of neighbouring lines in one column.
 * Comments, blank lines, strings and heredocs stay as they are. Formatting twice changes nothing more.
 */
export function formatHcl(source: SourceText): Formatted {
  const { diagnostics } = parseHcl(source);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const lines = indented(linesOf(source.text));
  const text = commented(aligned(lines))
    .map(({ indent, text: line }) => (line === "" ? "" : indent + line))
    .join("\n")
    .trimEnd();
  return { ok: true, text: text === "" ? "" : `${text}\n` };
}

interface Laid {
  readonly indent: string;
  readonly text: string;
  /** The name of an attribute that is complete on this line. */
  readonly name: string | undefined;
  /** What stands behind everything else. */
  readonly comment: string | undefined;
}

const OPENING = new Set(["{", "[", "("]);
const CLOSING = new Set(["}", "]", ")"]);

/** Brackets opened on one line count as one level, as in `f([{`. */
function indented(lines: readonly Line[]): readonly Laid[] {
  const open: number[] = [];
  return lines.map((line, number) => {
    const before = open.length;
    const leading = line.findIndex((piece) => !CLOSING.has(piece.kind));
    open.length = Math.max(0, open.length - (leading < 0 ? line.length : leading));
    const indent = INDENT.repeat(new Set(open).size);
    open.length = before;
    for (const piece of line) {
      if (OPENING.has(piece.kind)) open.push(number);
      if (CLOSING.has(piece.kind)) open.pop();
    }
    const complete = open.length === before && !line.some((piece) => piece.kind === "heredoc");
    const comment = trailingComment(line);
    const text = joinPieces(comment === undefined ? line : line.slice(0, -1));
    return { indent, text, name: complete ? attributeName(line) : undefined, comment };
  });
}

/** A comment alone on its line, and one over several, stay where they are. */
function trailingComment(line: Line): string | undefined {
  const last = line.at(-1);
  const behind = line.length > 1 && last?.kind === "comment" && !line.some((piece) => piece.text.includes("\n"));
  return behind ? last.text : undefined;
}

/** Comments behind neighbouring lines begin in one column. */
function commented(lines: readonly Laid[]): readonly Laid[] {
  const result: Laid[] = [];
  for (let start = 0; start < lines.length;) {
    let end = start;
    while (end < lines.length && lines[end]?.comment !== undefined) end++;
    const group = lines.slice(start, Math.max(end, start + 1));
    const width = Math.max(...group.map(widthOf));
    for (const line of group) {
      const gap = " ".repeat(width - widthOf(line) + 1);
      result.push(line.comment === undefined ? line : { ...line, text: line.text + gap + line.comment });
    }
    start += group.length;
  }
  return result;
}

function widthOf({ indent, text }: Laid): number {
  return characters(indent) + characters(text);
}

/** What stands before the first `=` of an attribute. */
function attributeName(line: Line): string | undefined {
  const equals = line.findIndex((piece) => piece.kind === "=");
  const bracket = line.findIndex((piece) => OPENING.has(piece.kind));
  if (equals < 1 || (bracket >= 0 && bracket < equals)) return undefined;
  return joinPieces(line.slice(0, equals));
}

/** Neighbouring attributes of one level have their `=` in one column. */
function aligned(lines: readonly Laid[]): readonly Laid[] {
  const result: Laid[] = [];
  for (let start = 0; start < lines.length;) {
    let end = start;
    while (end < lines.length && lines[end]?.name !== undefined && lines[end]?.indent === lines[start]?.indent) end++;
    const group = lines.slice(start, Math.max(end, start + 1));
    const width = Math.max(...group.map((line) => characters(line.name ?? "")));
    for (const line of group) result.push(line.name === undefined ? line : { ...line, text: widened(line, width) });
    start += group.length;
  }
  return result;
}

function widened(line: Laid, width: number): string {
  const name = line.name ?? "";
  return name + " ".repeat(width - characters(name)) + line.text.slice(name.length);
}
