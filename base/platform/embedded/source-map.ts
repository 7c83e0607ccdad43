/** A place in a text; both numbers count from 0. */
export type Position = { line: number; column: number };

export type Original = { source: string; line: number; column: number };

/** The parts of a source map (ECMA-426, revision 3) that a stack trace needs. */
export type SourceMapPayload = { readonly sources: readonly (string | null)[]; readonly mappings: string };

/**
 * Finds where generated positions come from, in one pass over the mappings and without keeping them: decoded, the map of
 * this program would hold tens of megabytes for the sake of a rare stack trace.
 * @returns one entry per wanted position; undefined where the map says nothing
 */
export function findOriginals(map: SourceMapPayload, wanted: readonly Position[]): (Original | undefined)[] {
  const found: (Original | undefined)[] = wanted.map(() => undefined);
  const state = { source: 0, line: 0, column: 0 };
  for (const [line, segments] of map.mappings.split(";").entries()) {
    const here = wanted.flatMap((position, index) => (position.line === line ? [{ ...position, index }] : []));
    let generatedColumn = 0;
    for (const segment of segments === "" ? [] : segments.split(",")) {
      const [generated = 0, source, originalLine = 0, originalColumn = 0] = decodeVlq(segment);
      generatedColumn += generated;
      if (source === undefined) continue;
      state.source += source;
      state.line += originalLine;
      state.column += originalColumn;
      for (const { column, index } of here) {
        if (generatedColumn > column) continue;
        found[index] = { source: map.sources[state.source] ?? "?", line: state.line, column: state.column };
      }
    }
  }
  return found;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const CONTINUES = 32;

/** Base64 variable-length quantities: five bits a digit, least significant first, the lowest bit of the whole is the sign. */
function decodeVlq(segment: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = BASE64.indexOf(digit);
    if (bits < 0) return numbers;
    value += (bits & (CONTINUES - 1)) * 2 ** shift;
    shift += 5;
    if ((bits & CONTINUES) !== 0) continue;
    numbers.push(value % 2 === 1 ? -(value - 1) / 2 : value / 2);
    value = 0;
    shift = 0;
  }
  return numbers;
}
