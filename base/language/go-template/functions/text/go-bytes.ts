/**
 * Go's strings are bytes, ours are UTF-16. Text that is valid UTF-8 is itself; each byte that is not stands as the lone
 * surrogate U+DC00 + byte (as Python's surrogateescape has it), so that binary values pass through a template unharmed.
 */
const ESCAPED = 0xdc00;
const LONE = /[\uDC80-\uDCFF]/;

/** Bytes → text. */
export function textOfBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString("utf8");
  return text.includes("\uFFFD") && !buffer.equals(Buffer.from(text)) ? escapeBytes(buffer) : text;
}

/** Text → the bytes it stands for. */
export function bytesOfText(text: string): Buffer {
  if (!LONE.test(text) || text.isWellFormed()) return Buffer.from(text);
  const parts: Buffer[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    parts.push(code > 0xdc7f && code < 0xdd00 ? Buffer.from([code - ESCAPED]) : Buffer.from(character));
  }
  return Buffer.concat(parts);
}

/** True when the text stands for bytes that are not UTF-8. */
export function isBinary(text: string): boolean {
  return !text.isWellFormed();
}

/** A character beyond ASCII in well-formed UTF-8 (RFC 3629, section 4). */
const CHARACTER =
  /^(?:[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]|[\xE1-\xEC\xEE\xEF][\x80-\xBF]{2}|\xED[\x80-\x9F][\x80-\xBF]|\xF0[\x90-\xBF][\x80-\xBF]{2}|[\xF1-\xF3][\x80-\xBF]{3}|\xF4[\x80-\x8F][\x80-\xBF]{2})/;

function escapeBytes(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at] ?? 0;
    const length = byte < 0x80 ? 1 : (CHARACTER.exec(bytes.toString("latin1", at, at + 4))?.[0].length ?? 0);
    text += length === 0 ? String.fromCharCode(ESCAPED + byte) : bytes.toString("utf8", at, at + length);
    at += Math.max(1, length);
  }
  return text;
}
