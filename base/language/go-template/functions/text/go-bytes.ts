import { decodeText, encodeText } from "../../text.ts";

/** Bytes → text; those that are no UTF-8 stay what they are (`text.ts`). */
export const textOfBytes = decodeText;

/** Text → the bytes it stands for. */
export function bytesOfText(text: string): Buffer {
  const bytes = encodeText(text);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** True when the text stands for bytes that are not UTF-8. */
export function isBinary(text: string): boolean {
  return !text.isWellFormed();
}
