import { createHash, createHmac } from "node:crypto";
import { decodeBase64, encodeBase64 } from "../encoding/base64.ts";
import { GoError } from "../../value.ts";
import { f1, f2, f3, INT, outcomeOf, STRING, stringMap, STRINGS, strings, type Defined } from "../define.ts";
import { titleUnicode, toLower, toUpper } from "../text/cases.ts";
import { bytesOfText } from "../text/go-bytes.ts";
import { compileRegexp } from "../text/regexp.ts";
import { trimCutset, trimSpace } from "../text/trim.ts";

/** The longest text a function makes out of short ones. */
export const MAX_TEXT = 64 * 1024 * 1024;

/** consul-template's functions that turn text into text (docs/templating-language.md, "Helper Functions"). */
export const textFunctions: readonly Defined[] = [
  f1("base64Decode", [STRING], (text) => outcomeOf(decodeBase64(text), "base64Decode: ")),
  f1("base64Encode", [STRING], (text) => encodeBase64(text)),
  f1("base64URLDecode", [STRING], (text) => outcomeOf(decodeBase64(text, "url"), "base64URLDecode: ")),
  f1("base64URLEncode", [STRING], (text) => encodeBase64(text, "url")),
  f1("md5sum", [STRING], (text) => digest("md5", text)),
  f1("sha256Hex", [STRING], (text) => digest("sha256", text)),
  f2("hmacSHA256Hex", [STRING, STRING], (message, key) =>
    createHmac("sha256", bytesOfText(key)).update(bytesOfText(message)).digest("hex"),
  ),
  f2("indent", [INT, STRING], indent),
  f2("join", [STRING, STRINGS], (separator, parts) => parts.join(separator)),
  f3("replaceAll", [STRING, STRING, STRING], (from, to, text) => replaceAll(text, from, to)),
  f2("regexMatch", [STRING, STRING], (pattern, text) => {
    const regexp = compileRegexp(pattern);
    return regexp.ok ? regexp.value.matches(text) : new GoError(regexp.error.message);
  }),
  f3("regexReplaceAll", [STRING, STRING, STRING], (pattern, by, text) => {
    const regexp = compileRegexp(pattern);
    return regexp.ok ? regexp.value.replaceAll(text, by) : new GoError(regexp.error.message);
  }),
  f2("split", [STRING, STRING], (separator, text) => {
    const trimmed = trimSpace(text);
    return strings(trimmed === "" ? [] : splitText(trimmed, separator));
  }),
  f3("splitToMap", [STRING, STRING, STRING], (between, inside, text) => {
    const trimmed = trimSpace(text);
    const pairs = (trimmed === "" ? [] : splitText(trimmed, between)).flatMap((part): [string, string][] => {
      const at = part.indexOf(inside);
      return at === -1 ? [] : [[part.slice(0, at), part.slice(at + inside.length)]];
    });
    return stringMap(pairs);
  }),
  f1("toLower", [STRING], (text) => toLower(text)),
  f1("toUpper", [STRING], (text) => toUpper(text)),
  f1("toTitle", [STRING], (text) => titleUnicode(text)),
  f2("trim", [STRING, STRING], (cutset, text) => trimCutset(text, cutset)),
  f2("trimPrefix", [STRING, STRING], (prefix, text) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)),
  f2("trimSuffix", [STRING, STRING], (suffix, text) =>
    suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text,
  ),
  f1("trimSpace", [STRING], (text) => trimSpace(text)),
];

export function digest(algorithm: "md5" | "sha1" | "sha256" | "sha512", text: string): string {
  return createHash(algorithm).update(bytesOfText(text)).digest("hex");
}

/** Go's `strings.Split`: an empty separator cuts between characters. */
export function splitText(text: string, separator: string): readonly string[] {
  return separator === "" ? Array.from(text) : text.split(separator);
}

/** Go's `strings.ReplaceAll`: an empty text is found between all characters. */
export function replaceAll(text: string, from: string, to: string): string | GoError {
  const pieces = from === "" ? ["", ...Array.from(text), ""] : text.split(from);
  if (from === "" && text === "") return to;
  const length = text.length + (pieces.length - 1) * to.length;
  return length > MAX_TEXT ? new GoError(`the result is longer than ${MAX_TEXT} characters`) : pieces.join(to);
}

/** Spaces before every line that is not empty. */
function indent(spaces: bigint, text: string): string | GoError {
  if (spaces < 0n) return new GoError("indent value must be a positive integer");
  const lines = text.split("\n");
  if (Number(spaces) * lines.length > MAX_TEXT) return new GoError(`the result is longer than ${MAX_TEXT} characters`);
  const pad = " ".repeat(Number(spaces));
  return lines.map((line) => (line === "" ? line : pad + line)).join("\n");
}
