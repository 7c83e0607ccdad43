/** RFC 1035 §2.3.4, the length bytes and the root included. */
export const MAX_NAME_BYTES = 255;
export const MAX_LABEL_BYTES = 63;

/** Names begin after the header. */
const FIRST_NAME = 12;

export interface ReadName {
  readonly labels: readonly string[];
  /** Where the reader goes on, after the name or after its first pointer. */
  readonly end: number;
}

/**
 * The name at `start`, pointers followed. Undefined when it leaves the message, is too long, has a label of an unknown
 * kind, or a pointer that does not point strictly backwards (which is what makes loops impossible).
 */
export function readName(message: Uint8Array, start: number): ReadName | undefined {
  const labels: string[] = [];
  let at = start;
  let end = -1;
  let lowest = start;
  let size = 1;
  for (;;) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return { labels, end: end < 0 ? at + 1 : end };
    if (length >= 0xc0) {
      const low = message[at + 1];
      if (low === undefined) return undefined;
      const target = ((length & 0x3f) << 8) | low;
      if (target >= lowest || target < FIRST_NAME) return undefined;
      if (end < 0) end = at + 2;
      lowest = target;
      at = target;
      continue;
    }
    size += length + 1;
    if (length > MAX_LABEL_BYTES || size > MAX_NAME_BYTES || at + 1 + length > message.length) return undefined;
    labels.push(latin1(message, at + 1, at + 1 + length));
    at += length + 1;
  }
}

/** Labels of a dotted name; the root is none. Undefined when it does not fit the wire. Knows no escapes. */
export function labelsOf(name: string): readonly string[] | undefined {
  const dotless = name.endsWith(".") ? name.slice(0, -1) : name;
  if (dotless === "") return [];
  const labels = dotless.split(".");
  return isName(labels) ? labels : undefined;
}

export function isName(labels: readonly string[]): boolean {
  let size = 1;
  for (const label of labels) {
    size += label.length + 1;
    if (label.length === 0 || label.length > MAX_LABEL_BYTES || !isLatin1(label)) return false;
  }
  return size <= MAX_NAME_BYTES;
}

/** ASCII only, as DNS compares names (RFC 4343). */
export function lowerCase(label: string): string {
  for (let i = 0; i < label.length; i++) {
    const code = label.charCodeAt(i);
    if (code >= 65 && code <= 90) return label.replaceAll(/[A-Z]+/g, (upper) => upper.toLowerCase());
  }
  return label;
}

/** Dotted, for people: what could be misread is written `\DDD` (RFC 1035 §5.1). */
export function nameText(labels: readonly string[]): string {
  if (labels.length === 0) return ".";
  const escaped = labels.map((label) =>
    label.replaceAll(/[^!-~]|[\\."();@$]/g, (c) => `\\${String(c.charCodeAt(0)).padStart(3, "0")}`),
  );
  return `${escaped.join(".")}.`;
}

export function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i] ?? 0);
  return text;
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 255) return false;
  return true;
}
