import { fail, succeed, type Result } from "#base/env/errors.ts";
import { bytesOfText, textOfBytes } from "../text/go-bytes.ts";

type Alphabet = "standard" | "url";

export function encodeBase64(text: string, alphabet: Alphabet = "standard"): string {
  const encoded = bytesOfText(text).toString("base64");
  return alphabet === "standard" ? encoded : encoded.replaceAll("+", "-").replaceAll("/", "_");
}

/** Padding has to be right and complete, line breaks are passed over; the errors are those of Go's encoding/base64. */
export function decodeBase64(text: string, alphabet: Alphabet = "standard"): Result<string> {
  const mistake = mistakeIn(bytesOfText(text), alphabet === "standard" ? "+/" : "-_");
  return mistake === undefined
    ? succeed(textOfBytes(Buffer.from(text, alphabet === "standard" ? "base64" : "base64url")))
    : fail("bad_base64", `illegal base64 data at input byte ${mistake}`);
}

const PAD = 0x3d;

/** The offset of what is wrong. */
function mistakeIn(bytes: Uint8Array, extra: string): number | undefined {
  let inQuantum = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (isNewline(byte)) continue;
    if (byte === PAD) return inQuantum < 2 ? at : paddingMistake(bytes, at, inQuantum);
    if (!isLetter(byte, extra)) return at;
    inQuantum = (inQuantum + 1) % 4;
  }
  return inQuantum === 0 ? undefined : bytes.length - inQuantum;
}

/** `first` is the position of the first `=`. */
function paddingMistake(bytes: Uint8Array, first: number, inQuantum: number): number | undefined {
  const pass = (from: number): number => {
    let at = from;
    while (at < bytes.length && isNewline(bytes[at] ?? 0)) at++;
    return at;
  };
  let at = pass(first + 1);
  if (inQuantum === 2) {
    if (at === bytes.length) return bytes.length;
    if (bytes[at] !== PAD) return at - 1;
    at = pass(at + 1);
  }
  return at < bytes.length ? at : undefined;
}

function isNewline(byte: number): boolean {
  return byte === 0x0a || byte === 0x0d;
}

function isLetter(byte: number, extra: string): boolean {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9]/.test(character) || extra.includes(character);
}
