import { byteLength } from "../../text.ts";
import { isSpace } from "./cases.ts";
import { bytesOfText, textOfBytes } from "./go-bytes.ts";

/** Go's `text[start:end]`: positions count bytes, and a character that is cut becomes bytes that are no UTF-8. */
export function sliceBytes(text: string, start: number, end?: number): string {
  if (/^[\0-\x7F]*$/.test(text)) return text.slice(start, end);
  return textOfBytes(bytesOfText(text).subarray(start, end));
}

/** The first bytes (`count` ≥ 0) or the last; sprig's `trunc`. */
export function truncate(text: string, count: number): string {
  const length = byteLength(text);
  if (count < 0 && length + count > 0) return sliceBytes(text, length + count);
  return count >= 0 && length > count ? sliceBytes(text, 0, count) : text;
}

/** A text no longer than `width` bytes with `...` where something is missing; sprig's `abbrev` and `abbrevboth`. */
export function abbreviate(
  text: string,
  { offset, width }: { readonly offset: number; readonly width: number },
): string {
  const length = byteLength(text);
  if (width < 4) return "";
  if (length <= width) return text;
  let from = Math.min(offset, length);
  if (length - from < width - 3) from = length - (width - 3);
  if (from <= 4) return `${sliceBytes(text, 0, width - 3)}...`;
  if (width < 7) return "";
  if (from + width - 3 < length) return `...${abbreviate(sliceBytes(text, from), { offset: 0, width: width - 3 })}`;
  return `...${sliceBytes(text, length - (width - 3))}`;
}

export interface WrapOptions {
  /** Default a line break. */
  readonly separator?: string;
  /** Cuts words that are longer than a line; else they stay whole. Default false. */
  readonly breakWords?: boolean;
}

/** Lines of at most `width` bytes, broken at spaces. */
export function wrapText(
  text: string,
  width: number,
  { separator = "\n", breakWords = false }: WrapOptions = {},
): string {
  const limit = Math.max(1, width);
  // One character a byte: positions are Go's.
  const bytes = bytesOfText(text).toString("latin1");
  const lines: string[] = [];
  let at = 0;
  while (bytes.length - at > limit) {
    if (bytes[at] === " ") {
      at++;
      continue;
    }
    const space = bytes.lastIndexOf(" ", at + limit);
    const end = space >= at ? space : breakWords ? at + limit : nextSpace(bytes, at + limit);
    lines.push(bytes.slice(at, end));
    at = space < at && breakWords ? end : end + 1;
    if (end === bytes.length && !breakWords) return join(lines, separator);
  }
  return join([...lines, bytes.slice(at)], separator);
}

function nextSpace(bytes: string, from: number): number {
  const space = bytes.indexOf(" ", from);
  return space === -1 ? bytes.length : space;
}

function join(lines: readonly string[], separator: string): string {
  const newline = separator === "" ? "\n" : separator;
  return lines.map((line) => textOfBytes(Buffer.from(line, "latin1"))).join(newline);
}

/** The first character of every word. */
export function initials(text: string): string {
  let starts = true;
  let result = "";
  for (const character of text) {
    const space = isSpace(character);
    if (starts && !space) result += character;
    starts = space;
  }
  return result;
}

export function removeSpace(text: string): string {
  return Array.from(text)
    .filter((character) => !isSpace(character))
    .join("");
}
