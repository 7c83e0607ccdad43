import { rawByte } from "../text.ts";

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const plain = /^[ !#-[\]-~]*$/;
const named: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
};

/** Go's `unicode.IsPrint` of one character. */
export function isPrint(character: string): boolean {
  return printable.test(character) && rawByte(character) === undefined;
}

/** Go's `strconv.Quote`; `ascii` for `QuoteToASCII`. */
export function quote(text: string, ascii = false): string {
  return plain.test(text) ? `"${text}"` : `"${escapeCharacters(text, { mark: '"', ascii })}"`;
}

/** Go's `strconv.QuoteRune`. */
export function quoteRune(character: string, ascii = false): string {
  return `'${escapeCharacters(character, { mark: "'", ascii })}'`;
}

/** Whether a raw string between back quotes can hold the text on one line. */
export function canBackquote(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  return !/[\0-\x08\n-\x1f`\x7f\ufeff]/.test(text) && text.isWellFormed();
}

function escapeCharacters(text: string, how: { readonly mark: string; readonly ascii: boolean }): string {
  let out = "";
  for (const each of text) out += escapeCharacter(each, how);
  return out;
}

function escapeCharacter(character: string, how: { readonly mark: string; readonly ascii: boolean }): string {
  if (character === how.mark) return `\\${character}`;
  const short = named[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  if (isPrint(character) && (!how.ascii || code < 0x80)) return character;
  const raw = rawByte(character);
  if (raw !== undefined) return `\\x${hex(raw, 2)}`;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, "0");
}
