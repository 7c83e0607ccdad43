import { concatBytes, textOf, utf8 } from "#base/env/bytes.ts";
import { MessageType, NO_BYTES } from "./message.ts";

/** Longest label, bytes: its length is one byte. */
export const MAX_LABEL_BYTES = 255;

/** Type byte, length, label: before everything else, of a datagram and of a stream. Nothing for no label. */
export function labelHead(label: string): Uint8Array {
  if (label === "") return NO_BYTES;
  const text = utf8(label);
  return concatBytes([Uint8Array.of(MessageType.label, text.length), text]);
}

/** The label and where what it is on begins; undefined when it is cut short or empty. */
export function readLabel(bytes: Uint8Array): { readonly label: string; readonly end: number } | undefined {
  if (bytes[0] !== MessageType.label) return { label: "", end: 0 };
  const length = bytes[1] ?? 0;
  const end = 2 + length;
  if (length === 0 || end > bytes.length) return undefined;
  return { label: textOf(bytes.subarray(2, end)), end };
}
