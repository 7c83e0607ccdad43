import { isPrint } from "../../format/quote.ts";
import { encodeText, rawByte } from "../../text.ts";

const html: Readonly<Record<string, string>> = {
  "\0": "\ufffd",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};
const script: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
};

/** Go's `template.HTMLEscapeString`. */
export function escapeHtml(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\0"'&<>]/g, (each) => html[each] ?? each);
}

/** Go's `template.JSEscapeString`. */
export function escapeScript(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\\'"<>&=\0-\x1f]|[^\0-\x7f]/gu, (each) => {
    const known = script[each];
    if (known !== undefined) return known;
    const code = rawByte(each) === undefined ? (each.codePointAt(0) ?? 0) : 0xfffd;
    if (code >= 0x80 && isPrint(String.fromCodePoint(code))) return each;
    return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
  });
}

/** Go's `url.QueryEscape`. */
export function escapeQuery(text: string): string {
  if (/^[A-Za-z0-9\-_.~]*$/.test(text)) return text;
  let out = "";
  for (const byte of encodeText(text)) {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9\-_.~]/.test(character)) out += character;
    else out += byte === 0x20 ? "+" : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}
