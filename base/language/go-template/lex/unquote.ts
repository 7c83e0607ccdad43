import { normalizeText, textOfByte } from "../text.ts";

const escapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};
const escape = /\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))|(\\)$/gu;

/** The string an item of kind `string` means, as Go's `strconv.Unquote`; `undefined`: its syntax is invalid. */
export function unquote(item: string): string | undefined {
  const inner = item.slice(1, -1);
  if (item.startsWith("`")) return inner.replaceAll("\r", "");
  return inner.includes("\\") ? unescape(inner, '"') : inner;
}

/** The code point of an item of kind `character`, or Go's message. */
export function unquoteCharacter(item: string): number | string {
  const inner = item.slice(1, -1);
  const first = /^(?:\\(?:x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[\s\S])|[^\\])/u.exec(inner)?.[0];
  if (first === undefined) return "invalid syntax";
  const octets = /^\\(?:x(.{2})|([0-7]{3}))$/.exec(first);
  const value =
    octets === null
      ? unescape(first, "'")?.codePointAt(0)
      : Number.parseInt(octets[1] ?? octets[2] ?? "", octets[1] === undefined ? 8 : 16);
  if (value === undefined || (octets !== null && value > 255)) return "invalid syntax";
  return first.length === inner.length ? value : `malformed character constant: ${item}`;
}

function unescape(inner: string, mark: string): string | undefined {
  let valid = true;
  const text = inner.replace(escape, (...[, hex, octal, short, long, single]: string[]) => {
    const byte =
      hex === undefined ? (octal === undefined ? undefined : Number.parseInt(octal, 8)) : Number.parseInt(hex, 16);
    if (byte !== undefined) {
      if (byte > 255) valid = false;
      return textOfByte(byte);
    }
    const code = short ?? long;
    if (code !== undefined) {
      const point = Number.parseInt(code, 16);
      if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) valid = false;
      return valid ? String.fromCodePoint(point) : "";
    }
    const character = single === mark ? mark : escapes[single ?? ""];
    if (character === undefined) valid = false;
    return character ?? "";
  });
  return valid ? normalizeText(text) : undefined;
}
