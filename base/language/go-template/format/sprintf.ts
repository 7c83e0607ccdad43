import { integerOf, typeOf } from "../type-of.ts";
import type { GoValue } from "../value.ts";
import { noFlags, type Flags } from "./flags.ts";
import { floatText } from "./float.ts";
import { formatValue, plainly } from "./printer.ts";

/** No text grows longer; `sprintf` stops soon after it. */
export const MAX_TEXT = 64 * 1024 * 1024;
/** Larger widths and precisions are no numbers to fmt. */
const MAX_NUMBER = 1_000_000;

/** Go's `fmt.Sprint`: a space between two arguments when neither is a string. */
export function sprint(args: readonly GoValue[]): string {
  let out = "";
  let wasString = false;
  for (const [index, arg] of args.entries()) {
    const isString = arg !== null && typeOf(arg).kind === "string";
    if (index > 0 && !isString && !wasString) out += " ";
    out += textOf(arg);
    wasString = isString;
  }
  return out;
}

/** Go's `fmt.Sprintln`. */
export function sprintln(args: readonly GoValue[]): string {
  return `${args.map((arg) => textOf(arg)).join(" ")}\n`;
}

/** `%v`. */
export function textOf(value: GoValue): string {
  switch (typeof value) {
    case "string":
      return value;
    case "bigint":
    case "boolean":
      return String(value);
    case "number":
      return floatText(value);
    default:
      return formatValue(value, plainly);
  }
}

/** Go's `fmt.Sprintf`, with its complaints about what does not fit in the text. */
export function sprintf(format: string, args: readonly GoValue[]): string {
  return new Formatter(format, args).run();
}

class Formatter {
  readonly #format: string;
  readonly #args: readonly GoValue[];
  #at = 0;
  #arg = 0;
  #afterIndex = false;
  #goodIndex = true;
  #reordered = false;
  #out = "";

  constructor(format: string, args: readonly GoValue[]) {
    this.#format = format;
    this.#args = args;
  }

  run(): string {
    for (;;) {
      const found = this.#format.indexOf("%", this.#at);
      this.#out += found < 0 ? this.#format.slice(this.#at) : this.#format.slice(this.#at, found);
      if (found < 0) break;
      this.#at = found + 1;
      this.#directive();
      if (this.#out.length > MAX_TEXT) return this.#out;
    }
    if (!this.#reordered && this.#arg < this.#args.length) this.#out += this.#extra();
    return this.#out;
  }

  #extra(): string {
    const rest = this.#args.slice(this.#arg);
    const shown = rest.map((arg) => (arg === null ? "<nil>" : `${typeOf(arg).name}=${textOf(arg)}`));
    return `%!(EXTRA ${shown.join(", ")})`;
  }

  #directive(): void {
    this.#goodIndex = true;
    const flags = this.#flags();
    this.#index();
    const width = this.#width();
    const precision = this.#precision();
    if (!this.#afterIndex) this.#index();
    const code = this.#format.codePointAt(this.#at);
    if (code === undefined) {
      this.#out += "%!(NOVERB)";
      return;
    }
    const verb = String.fromCodePoint(code);
    this.#at += verb.length;
    const minus = flags.minus || (width !== undefined && width < 0);
    this.#verb(verb, {
      ...flags,
      minus,
      zero: flags.zero && !minus,
      width: width === undefined ? undefined : Math.abs(width),
      precision,
    });
  }

  #verb(verb: string, flags: Flags): void {
    const arg = this.#args[this.#arg];
    if (verb === "%") this.#out += "%";
    else if (!this.#goodIndex) this.#out += `%!${verb}(BADINDEX)`;
    else if (arg === undefined) this.#out += `%!${verb}(MISSING)`;
    else {
      this.#arg++;
      const goSyntax = verb === "v" || verb === "w";
      const shown = goSyntax ? { ...flags, sharpV: flags.sharp, sharp: false, plusV: flags.plus, plus: false } : flags;
      this.#out += formatValue(arg, { verb, flags: shown, depth: 0, erroring: false });
    }
  }

  #flags(): Flags {
    let { plus, minus, sharp, space, zero } = noFlags;
    for (; ; this.#at++) {
      const flag = this.#format[this.#at];
      if (flag === "#") sharp = true;
      else if (flag === "0") zero = true;
      else if (flag === "+") plus = true;
      else if (flag === "-") minus = true;
      else if (flag === " ") space = true;
      else break;
    }
    return { ...noFlags, plus, minus, sharp, space, zero };
  }

  /** `[3]`: the next argument is the third. */
  #index(): void {
    this.#afterIndex = false;
    if (this.#format[this.#at] !== "[") return;
    this.#reordered = true;
    const close = this.#format.indexOf("]", this.#at);
    if (close < 0) {
      this.#goodIndex = false;
      this.#at++;
      return;
    }
    const inner = this.#format.slice(this.#at + 1, close);
    this.#at = close + 1;
    const index = /^\d+$/.test(inner) ? Number(inner) - 1 : -1;
    this.#afterIndex = /^\d+$/.test(inner) && index < MAX_NUMBER;
    if (index >= 0 && index < this.#args.length) this.#arg = index;
    else this.#goodIndex = false;
  }

  /** Negative: to the left. */
  #width(): number | undefined {
    if (this.#format[this.#at] === "*") {
      const width = this.#fromArgument();
      if (width === undefined) this.#out += "%!(BADWIDTH)";
      this.#afterIndex = false;
      return width;
    }
    const width = this.#number();
    if (this.#afterIndex && width !== undefined) this.#goodIndex = false;
    return width;
  }

  #precision(): number | undefined {
    if (this.#format[this.#at] !== "." || this.#at + 1 >= this.#format.length) return undefined;
    this.#at++;
    if (this.#afterIndex) this.#goodIndex = false;
    this.#index();
    if (this.#format[this.#at] !== "*") return this.#number() ?? 0;
    const precision = this.#fromArgument();
    this.#afterIndex = false;
    if (precision !== undefined && precision >= 0) return precision;
    this.#out += "%!(BADPREC)";
    return undefined;
  }

  /** `*`. */
  #fromArgument(): number | undefined {
    this.#at++;
    const arg = this.#args[this.#arg];
    if (arg === undefined) return undefined;
    this.#arg++;
    const number = integerOf(arg);
    return number === undefined || number > MAX_NUMBER || number < -MAX_NUMBER ? undefined : Number(number);
  }

  #number(): number | undefined {
    const start = this.#at;
    while (/^\d$/.test(this.#format.charAt(this.#at))) this.#at++;
    if (this.#at === start) return undefined;
    const number = Number(this.#format.slice(start, this.#at));
    // Go looks at the digits read so far before it takes one more.
    if (number < 10 * (MAX_NUMBER + 1)) return number;
    this.#at = this.#format.length;
    return undefined;
  }
}
