const SHORT: ReadonlyMap<string, string> = new Map([
  ["\u0007", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ["\\", "\\\\"],
]);
/** Letters, marks, numbers, punctuation, symbols and the ASCII space (https://pkg.go.dev/unicode#IsPrint). */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** `strconv.Quote`, or with another quote as `strconv.QuoteRune` has it. */
export function quoteGo(text: string, mark: '"' | "'" = '"'): string {
  let quoted = mark;
  for (const character of text) quoted += character === mark ? `\\${mark}` : quotedCharacter(character);
  return quoted + mark;
}

function quotedCharacter(character: string): string {
  const short = SHORT.get(character);
  if (short !== undefined) return short;
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  // A byte that is no UTF-8.
  if (code > 0xdc7f && code < 0xdd00) return `\\x${(code - 0xdc00).toString(16)}`;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code > 0xd7ff && code < 0xe000) return "\uFFFD";
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}
