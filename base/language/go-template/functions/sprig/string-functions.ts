import { compareStrings } from "../../format/map-order.ts";
import { decodeBase32, encodeBase32 } from "../encoding/base32.ts";
import { decodeBase64, encodeBase64 } from "../encoding/base64.ts";
import { all, ANY, f0, f1, f2, f3, INT, isList, STRING, stringMap, strings, type Defined } from "../define.ts";
import { digest, MAX_TEXT, replaceAll, splitText } from "../helper/text-functions.ts";
import { printValue, textOf } from "../print-value.ts";
import { abbreviate, initials, removeSpace, sliceBytes, truncate, wrapText } from "../text/byte-text.ts";
import { byteLength } from "../../text.ts";
import { camelCase, swapCase, titleWords, toLower, toUpper, untitle } from "../text/cases.ts";
import { bytesOfText } from "../text/go-bytes.ts";
import { quote } from "../../format/quote.ts";
import { joinWords } from "../text/snake-case.ts";
import { trimCutset, trimSpace } from "../text/trim.ts";
import { GoError, type GoValue } from "../../value.ts";
import { adler32 } from "../encoding/adler32.ts";

/** sprig's functions of text (https://masterminds.github.io/sprig/strings.html). */
export const stringFunctions: readonly Defined[] = [
  f1("trim", [STRING], trimSpace),
  ...["trimAll", "trimall"].map((name) => f2(name, [STRING, STRING], (set, text) => trimCutset(text, set))),
  f2("trimSuffix", [STRING, STRING], (suffix, text) =>
    suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text,
  ),
  f2("trimPrefix", [STRING, STRING], (prefix, text) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)),
  f1("upper", [STRING], toUpper),
  f1("lower", [STRING], toLower),
  f1("title", [STRING], titleWords),
  f1("untitle", [STRING], untitle),
  f1("swapcase", [STRING], swapCase),
  f1("camelcase", [STRING], camelCase),
  f1("snakecase", [STRING], (text) => joinWords(text, "_")),
  f1("kebabcase", [STRING], (text) => joinWords(text, "-")),
  f1("initials", [STRING], initials),
  f1("nospace", [STRING], removeSpace),
  f2("repeat", [INT, STRING], repeat),
  f3("substr", [INT, INT, STRING], substring),
  f2("trunc", [INT, STRING], (count, text) => truncate(text, Number(count))),
  f2("abbrev", [INT, STRING], (width, text) =>
    width < 4n ? text : abbreviate(text, { offset: 0, width: Number(width) }),
  ),
  f3("abbrevboth", [INT, INT, STRING], (offset, width, text) =>
    width < 4n || (offset > 0n && width < 7n)
      ? text
      : abbreviate(text, { offset: Number(offset), width: Number(width) }),
  ),
  f2("wrap", [INT, STRING], (width, text) => wrapText(text, Number(width))),
  f3("wrapWith", [INT, STRING, STRING], (width, separator, text) =>
    wrapText(text, Number(width), { separator, breakWords: true }),
  ),
  f2("contains", [STRING, STRING], (part, text) => text.includes(part)),
  f2("hasPrefix", [STRING, STRING], (prefix, text) => text.startsWith(prefix)),
  f2("hasSuffix", [STRING, STRING], (suffix, text) => text.endsWith(suffix)),
  all("quote", ANY, (values) =>
    present(values)
      .map((value) => quote(textOf(value)))
      .join(" "),
  ),
  all("squote", ANY, (values) =>
    present(values)
      .map((value) => `'${printValue(value)}'`)
      .join(" "),
  ),
  all("cat", ANY, (values) => present(values).map(printValue).join(" ")),
  f2("indent", [INT, STRING], (spaces, text) => indent(spaces, text)),
  f2("nindent", [INT, STRING], (spaces, text) => {
    const indented = indent(spaces, text);
    return indented instanceof GoError ? indented : `\n${indented}`;
  }),
  f3("replace", [STRING, STRING, STRING], (from, to, text) => replaceAll(text, from, to)),
  f3("plural", [STRING, STRING, INT], (one, many, count) => (count === 1n ? one : many)),
  f1("sha1sum", [STRING], (text) => digest("sha1", text)),
  f1("sha256sum", [STRING], (text) => digest("sha256", text)),
  f1("sha512sum", [STRING], (text) => digest("sha512", text)),
  f1("adler32sum", [STRING], (text) => String(adler32(bytesOfText(text)))),
  f1("toString", [ANY], textOf),
  f1("toStrings", [ANY], (value) => strings(toStrings(value))),
  f2("join", [STRING, ANY], (separator, value) => toStrings(value).join(separator)),
  f2("split", [STRING, STRING], (separator, text) => numbered(splitText(text, separator))),
  f2("splitList", [STRING, STRING], (separator, text) => strings(splitText(text, separator))),
  f3("splitn", [STRING, INT, STRING], (separator, count, text) =>
    numbered(splitAtMost(text, separator, Number(count))),
  ),
  f1("sortAlpha", [ANY], (value) =>
    strings(isList(value) ? toStrings(value).toSorted(compareStrings) : [textOf(value)]),
  ),
  f1("b64enc", [STRING], (text) => encodeBase64(text)),
  f1("b64dec", [STRING], (text) => {
    const decoded = decodeBase64(text);
    return decoded.ok ? decoded.value : decoded.error.message;
  }),
  f1("b32enc", [STRING], encodeBase32),
  f1("b32dec", [STRING], (text) => {
    const decoded = decodeBase32(text);
    return decoded.ok ? decoded.value : decoded.error.message;
  }),
  f0("hello", () => "Hello!"),
];

/** The texts of a list's items, nothing left out but what is nothing; a single value is a list of one. */
export function toStrings(value: GoValue): readonly string[] {
  if (isList(value)) return present(value).map(textOf);
  return value === null ? [] : [textOf(value)];
}

function present(values: readonly GoValue[]): readonly GoValue[] {
  return values.filter((value) => value !== null);
}

function numbered(parts: readonly string[]): GoValue {
  return stringMap(parts.map((part, index): [string, string] => [`_${index}`, part]));
}

/** `strings.SplitN`: the last piece is the unsplit rest; 0 pieces: none; a negative number: all. */
function splitAtMost(text: string, separator: string, count: number): readonly string[] {
  const pieces = splitText(text, separator);
  if (count < 0 || pieces.length <= count) return pieces;
  return count === 0 ? [] : [...pieces.slice(0, count - 1), pieces.slice(count - 1).join(separator)];
}

function repeat(count: bigint, text: string): string | GoError {
  if (count < 0n) return new GoError("strings: negative Repeat count");
  if (count * BigInt(text.length) > MAX_TEXT) return new GoError(`the result is longer than ${MAX_TEXT} characters`);
  return text.repeat(Number(count));
}

function indent(spaces: bigint, text: string): string | GoError {
  const pad = repeat(spaces, " ");
  return pad instanceof GoError ? pad : mapError(replaceAll(text, "\n", `\n${pad}`), (indented) => pad + indented);
}

function mapError(value: string | GoError, change: (text: string) => string): string | GoError {
  return value instanceof GoError ? value : change(value);
}

/** Bytes from `start` to `end`; a negative start is the beginning, a negative end, or one too far, the end. */
function substring(start: bigint, end: bigint, text: string): string | GoError {
  const length = byteLength(text);
  const [from, to] = [Number(start), Number(end)];
  const [low, high] = from < 0 ? [0, to] : [from, to < 0 || to > length ? length : to];
  const bounds = high < 0 || high > length ? `[:${high}] with length ${length}` : `[${low}:${high}]`;
  if (low > high || high > length || high < 0) return new GoError(`runtime error: slice bounds out of range ${bounds}`);
  return sliceBytes(text, low, high);
}
