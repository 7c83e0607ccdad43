import { Buffer } from "node:buffer";
import { encodeText } from "../text.ts";
import { pad, truncate, type Flags } from "./flags.ts";
import { canBackquote, quote } from "./quote.ts";

/** A string under `%v %s %x %X %q`; `undefined`: the verb is not one of strings. */
export function formatString(text: string, verb: string, flags: Flags): string | undefined {
  switch (verb) {
    case "v":
      return flags.sharpV ? formatQuoted(text, flags) : pad(truncate(text, flags), flags);
    case "s":
      return pad(truncate(text, flags), flags);
    case "x":
    case "X":
      return formatHex(encodeText(text), verb, flags);
    case "q":
      return formatQuoted(text, flags);
    default:
      return undefined;
  }
}

export function formatQuoted(text: string, flags: Flags): string {
  const shown = truncate(text, flags);
  if (flags.sharp && canBackquote(shown)) return pad(`\`${shown}\``, flags);
  return pad(quote(shown, flags.plus), flags);
}

/** Two digits a byte, apart with the space flag, with `0x` under `#`. */
export function formatHex(bytes: Uint8Array, verb: string, flags: Flags): string {
  const prefix = flags.sharp ? `0${verb}` : "";
  const taken = bytes.subarray(0, flags.precision ?? bytes.length);
  const digits = Buffer.from(taken).toString("hex");
  const cased = verb === "X" ? digits.toUpperCase() : digits;
  if (cased === "") return pad("", flags);
  if (!flags.space) return pad(prefix + cased, flags);
  return pad((cased.match(/../g) ?? []).map((pair) => prefix + pair).join(" "), flags);
}
