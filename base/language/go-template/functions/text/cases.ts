/** `strings.ToUpper`: character by character, without the special cases that lengthen a text. */
export function toUpper(text: string): string {
  return isAscii(text) ? text.toUpperCase() : mapCharacters(text, upper);
}

/** `strings.ToLower`. */
export function toLower(text: string): string {
  return isAscii(text) ? text.toLowerCase() : mapCharacters(text, lower);
}

/** `strings.Title`: the first letter of every word; words end at whatever is no letter, digit or underscore. */
export function titleWords(text: string): string {
  let before = " ";
  return mapCharacters(text, (character) => {
    const starts = isSeparator(before);
    before = character;
    return starts ? upper(character) : character;
  });
}

/** Title case by Unicode's word boundaries (UAX #29): `don't` and `3.5rc` are one word each; the rest is left as it is. */
export function titleUnicode(text: string): string {
  return text.replaceAll(WORD, (word) => word.replace(/\p{L}/u, (letter) => upper(letter)));
}

/** The first letter of every word in lower case; words end at white space. */
export function untitle(text: string): string {
  let starts = true;
  return mapCharacters(text, (character) => {
    const first = starts && !isSpace(character);
    starts = isSpace(character);
    return first ? lower(character) : character;
  });
}

export function swapCase(text: string): string {
  return mapCharacters(text, (character) => {
    if (/\p{Lu}|\p{Lt}/u.test(character)) return lower(character);
    return /\p{Ll}/u.test(character) ? upper(character) : character;
  });
}

/** `fooBar baz` → `FooBarBaz`; leading separators stay, and so does one of several in a row. */
export function camelCase(text: string): string {
  const characters = Array.from(text);
  const start = characters.findIndex((character) => !isConnector(character));
  // With nothing but separators the last one comes twice, as the library has it.
  if (start === -1) return text + (characters.at(-1) ?? "");
  let result = characters.slice(0, start).join("");
  let held = upper(characters[start] ?? "");
  for (const character of characters.slice(start + 1)) {
    if (isConnector(character) && isConnector(held)) {
      result += held;
      held = character;
      continue;
    }
    if (isConnector(held)) held = upper(character);
    else {
      result += held;
      held = character;
    }
  }
  return result + held;
}

export function isSpace(character: string): boolean {
  return /^[\t\n\v\f\r \u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]$/.test(character);
}

export function isConnector(character: string): boolean {
  return character === "-" || character === "_" || isSpace(character);
}

// Chinese characters and Hiragana are words of their own.
const WORD =
  /[[\p{L}\p{N}\p{M}_]--[\p{Script=Han}\p{Script=Hiragana}]]+(?:(?:['’.:·‧]|(?<=\p{N})[,;](?=\p{N}))[[\p{L}\p{N}\p{M}_]--[\p{Script=Han}\p{Script=Hiragana}]]+)*/gv;

function isAscii(text: string): boolean {
  return /^[\0-\x7F]*$/.test(text);
}

function mapCharacters(text: string, change: (character: string) => string): string {
  let result = "";
  for (const character of text) result += change(character);
  return result;
}

export function upper(character: string): string {
  const changed = character.toUpperCase();
  return Array.from(changed).length === 1 ? changed : character;
}

export function lower(character: string): string {
  return Array.from(character.toLowerCase())[0] ?? character;
}

function isSeparator(character: string): boolean {
  if (/^[A-Za-z0-9_]$/.test(character)) return false;
  return character <= "\u007F" ? true : !/[\p{L}\p{Nd}]/u.test(character) && isSpace(character);
}
