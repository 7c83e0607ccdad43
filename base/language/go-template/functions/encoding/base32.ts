import { fail, succeed, type Result } from "#base/env/errors.ts";
import { bytesOfText, textOfBytes } from "../text/go-bytes.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** How many letters of a last group carry data, by the bytes they hold. */
const LAST_LETTERS = [0, 2, 4, 5, 7];

/** RFC 4648, section 6. */
export function encodeBase32(text: string): string {
  let encoded = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytesOfText(text)) {
    held = (held << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) encoded += ALPHABET.charAt((held >> (bits - 5)) & 31);
    held &= (1 << bits) - 1;
  }
  if (bits > 0) encoded += ALPHABET.charAt((held << (5 - bits)) & 31);
  return encoded.padEnd(Math.ceil(encoded.length / 8) * 8, "=");
}

/** Padding has to be complete; line breaks are passed over. */
export function decodeBase32(text: string): Result<string> {
  const letters = text.replaceAll(/[\r\n]/g, "");
  const data = /^[A-Z2-7]*/.exec(letters)?.[0] ?? "";
  const padding = letters.slice(data.length);
  const whole = letters.length % 8 === 0 && /^=*$/.test(padding) && padding.length < 8;
  if (!whole || (padding !== "" && !LAST_LETTERS.includes(data.length % 8)))
    return fail("bad_base32", `illegal base32 data at input byte ${data.length}`);
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of data) {
    held = (held << 5) | ALPHABET.indexOf(letter);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 255);
    held &= (1 << bits) - 1;
  }
  return succeed(textOfBytes(Uint8Array.from(bytes)));
}
