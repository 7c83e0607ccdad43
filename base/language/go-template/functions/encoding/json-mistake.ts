/**
 * Where a text stops being JSON, in the words of Go's encoding/json. One pass, no recursion: the brackets that are open
 * are a stack.
 */
export function jsonMistake(text: string, maxDepth: number): string | undefined {
  const at = { text, position: 0 };
  const open: ("[" | "{")[] = [];
  let expects: Expectation = "value";
  for (;;) {
    skipSpace(at);
    const character = text[at.position];
    if (expects === "end") return character === undefined ? undefined : invalid(at, "after top-level value");
    if (character === undefined) return "unexpected end of JSON input";
    const next: Step = step(expects, character, { at, open });
    if ("mistake" in next) return next.mistake;
    if (open.length > maxDepth) return "exceeded max depth";
    expects = next.expects;
  }
}

type Expectation = "value" | "value or ]" | "key" | "key or }" | "colon" | "comma" | "end";
type Step = { readonly expects: Expectation } | { readonly mistake: string };
interface Cursor {
  readonly text: string;
  position: number;
}
interface Scan {
  readonly at: Cursor;
  readonly open: ("[" | "{")[];
}

function step(expects: Expectation, character: string, { at, open }: Scan): Step {
  switch (expects) {
    case "value or ]":
      if (character === "]") return close({ at, open });
      return value(character, { at, open });
    case "key or }":
      if (character === "}") return close({ at, open });
      return key(character, at);
    case "key":
      return key(character, at);
    case "colon":
      if (character !== ":") return { mistake: invalid(at, "after object key") };
      at.position++;
      return { expects: "value" };
    case "comma":
      return comma(character, { at, open });
    default:
      return value(character, { at, open });
  }
}

function comma(character: string, { at, open }: Scan): Step {
  const inside = open.at(-1);
  if (character === ",") {
    at.position++;
    return { expects: inside === "{" ? "key" : "value" };
  }
  if (character === (inside === "{" ? "}" : "]")) return close({ at, open });
  return { mistake: invalid(at, inside === "{" ? "after object key:value pair" : "after array element") };
}

function close({ at, open }: Scan): Step {
  at.position++;
  open.pop();
  return { expects: open.length === 0 ? "end" : "comma" };
}

function key(character: string, at: Cursor): Step {
  if (character !== '"') return { mistake: invalid(at, "looking for beginning of object key string") };
  const mistake = skipString(at);
  return mistake === undefined ? { expects: "colon" } : { mistake };
}

function value(character: string, { at, open }: Scan): Step {
  if (character === "{" || character === "[") {
    at.position++;
    open.push(character);
    return { expects: character === "{" ? "key or }" : "value or ]" };
  }
  const mistake = scalar(character, at);
  return mistake === undefined ? { expects: open.length === 0 ? "end" : "comma" } : { mistake };
}

function scalar(character: string, at: Cursor): string | undefined {
  switch (character) {
    case '"':
      return skipString(at);
    case "t":
      return skipWord(at, "true");
    case "f":
      return skipWord(at, "false");
    case "n":
      return skipWord(at, "null");
    default:
      return /[-\d]/.test(character) ? skipNumber(at) : invalid(at, "looking for beginning of value");
  }
}

function skipSpace(at: Cursor): void {
  while (at.position < at.text.length && " \t\r\n".includes(at.text.charAt(at.position))) at.position++;
}

const PLAIN = /[^"\\\0-\x1F]*/y;

function skipString(at: Cursor): string | undefined {
  at.position++;
  for (;;) {
    PLAIN.lastIndex = at.position;
    at.position += PLAIN.exec(at.text)?.[0].length ?? 0;
    const character = at.text[at.position];
    if (character === '"') {
      at.position++;
      return undefined;
    }
    if (character !== "\\") return invalid(at, "in string literal");
    at.position++;
    const escape = at.text[at.position] ?? "";
    if (escape === "" || !'"\\/bfnrtu'.includes(escape)) return invalid(at, "in string escape code");
    at.position++;
    for (let digit = 0; escape === "u" && digit < 4; digit++) {
      if (!/[\da-fA-F]/.test(at.text.charAt(at.position)))
        return invalid(at, String.raw`in \u hexadecimal character escape`);
      at.position++;
    }
  }
}

function skipWord(at: Cursor, word: string): string | undefined {
  for (const letter of word) {
    if (at.text[at.position] !== letter) return invalid(at, `in literal ${word} (expecting '${letter}')`);
    at.position++;
  }
  return undefined;
}

function skipNumber(at: Cursor): string | undefined {
  const digits = (context: string): string | undefined => {
    if (!/\d/.test(at.text.charAt(at.position))) return invalid(at, context);
    while (/\d/.test(at.text.charAt(at.position))) at.position++;
    return undefined;
  };
  if (at.text[at.position] === "-") at.position++;
  const whole = at.text[at.position] === "0" ? void at.position++ : digits("in numeric literal");
  if (whole !== undefined) return whole;
  if (at.text[at.position] === ".") {
    at.position++;
    const fraction = digits("after decimal point in numeric literal");
    if (fraction !== undefined) return fraction;
  }
  if (!/[eE]/.test(at.text.charAt(at.position))) return undefined;
  at.position++;
  if (/[+-]/.test(at.text.charAt(at.position))) at.position++;
  return digits("in exponent of numeric literal");
}

function invalid({ text, position }: Cursor, context: string): string {
  // At its end a text is read as if a space came next.
  const code = text.codePointAt(position) ?? (context === "in string literal" ? undefined : 0x20);
  if (code === undefined) return "unexpected end of JSON input";
  return `invalid character ${quoteCharacter(String.fromCodePoint(code))} ${context}`;
}

/** The scanner sees bytes: a character beyond ASCII is named by its first. */
function quoteCharacter(character: string): string {
  if (character === "'") return String.raw`'\''`;
  if (character === '"') return `'"'`;
  const byte = Buffer.from(character)[0] ?? 0;
  const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f" };
  if (byte < 0x20 || byte === 0x7f) return `'${escapes[character] ?? `\\x${byte.toString(16).padStart(2, "0")}`}'`;
  if (character === "\\") return String.raw`'\\'`;
  return `'${byte < 0x80 ? character : String.fromCharCode(byte)}'`;
}
