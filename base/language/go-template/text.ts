import { Buffer } from "node:buffer";

/**
 * Go strings are bytes. Text here is a JavaScript string in which a byte that is no UTF-8 (half a character cut out by
 * `slice`, `"\xff"`) is the lone surrogate U+DC00 + byte, so that nothing is lost on the way to the output.
 */
const RAW_BYTE = 0xdc00;
const ascii = /^[\0-\x7f]*$/;

/** The bytes of a Go string. */
export function encodeText(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text, "utf8");
  const parts: Uint8Array[] = [];
  for (const part of text.split(/([\udc80-\udcff])/u)) {
    const raw = part.length === 1 ? part.charCodeAt(0) - RAW_BYTE : -1;
    parts.push(raw >= 0x80 && raw <= 0xff ? Uint8Array.of(raw) : Buffer.from(part, "utf8"));
  }
  return Buffer.concat(parts);
}

/** The Go string of some bytes. */
export function decodeText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString("utf8");
  if (!text.includes("\ufffd")) return text;
  const parts: string[] = [];
  let valid = 0;
  let at = 0;
  while (at < buffer.length) {
    const length = sequenceLength(buffer, at);
    if (length === 0) {
      parts.push(buffer.toString("utf8", valid, at), String.fromCharCode(RAW_BYTE + (buffer[at] ?? 0)));
      valid = at + 1;
    }
    at += Math.max(length, 1);
  }
  parts.push(buffer.toString("utf8", valid));
  return parts.join("");
}

/** Length of the UTF-8 sequence at a place, 0 if there is none (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length =
    first >= 0xc2 && first <= 0xdf ? 2 : (first & 0xf0) === 0xe0 ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  for (let index = 1; index < length; index++) {
    if (((bytes[at + index] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  const second = bytes[at + 1] ?? 0;
  const bad =
    (first === 0xe0 && second < 0xa0) ||
    (first === 0xed && second > 0x9f) ||
    (first === 0xf0 && second < 0x90) ||
    (first === 0xf4 && second > 0x8f);
  return bad ? 0 : length;
}

/** Go's `len` of a string. */
export function byteLength(text: string): number {
  if (ascii.test(text)) return text.length;
  return text.isWellFormed() ? Buffer.byteLength(text, "utf8") : encodeText(text).length;
}

/** Joins bytes that were cut apart and now stand side by side again. */
export function normalizeText(text: string): string {
  return text.isWellFormed() ? text : decodeText(encodeText(text));
}

/** Characters of a Go string: code points, and bytes that belong to none. */
export function runeCount(text: string): number {
  if (ascii.test(text)) return text.length;
  let count = 0;
  for (const each of text) if (each !== "") count++;
  return count;
}

/** The raw byte a character stands for; `undefined` for real characters. */
export function rawByte(character: string): number | undefined {
  const code = character.length === 1 ? character.charCodeAt(0) - RAW_BYTE : -1;
  return code >= 0x80 && code <= 0xff ? code : undefined;
}

/** A byte as a Go string of its own. */
export function textOfByte(byte: number): string {
  return String.fromCharCode(byte < 0x80 ? byte : RAW_BYTE + byte);
}
