/** A file's text with its name; offsets everywhere are UTF-16 indexes into `text`. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

/** Line and column count from 1 (columns in Unicode characters), bytes from 0 in UTF-8. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly byte: number;
}

/** A stretch of the source, end exclusive. {@link positionAt} turns either end into line, column and byte. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const lineStartsOf = new WeakMap<SourceText, readonly number[]>();

/** Where an offset is. The line table is made once per source, on first use. */
export function positionAt(source: SourceText, offset: number): Position {
  const starts = lineStarts(source);
  const at = Math.max(0, Math.min(offset, source.text.length));
  const line = lineIndex(starts, at);
  const start = starts[line] ?? 0;
  return {
    line: line + 1,
    column: characters(source.text.slice(start, at)) + 1,
    byte: Buffer.byteLength(source.text.slice(0, at)),
  };
}

/** The text of a line (counted from 1), without its line end. */
export function lineText(source: SourceText, line: number): string {
  const starts = lineStarts(source);
  const start = starts[line - 1] ?? source.text.length;
  const next = starts[line];
  const end = next === undefined ? source.text.length : next - 1;
  return source.text
    .slice(start, end)
    .replace(/\r$/, "")
    .replace(/^\uFEFF/, "");
}

/** How many Unicode characters a text has. */
export function characters(text: string): number {
  let count = 0;
  for (const character of text) if (character !== "\uFEFF") count++;
  return count;
}

function lineStarts(source: SourceText): readonly number[] {
  const known = lineStartsOf.get(source);
  if (known !== undefined) return known;
  const starts = [0];
  for (let at = source.text.indexOf("\n"); at >= 0; at = source.text.indexOf("\n", at + 1)) starts.push(at + 1);
  lineStartsOf.set(source, starts);
  return starts;
}

function lineIndex(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
