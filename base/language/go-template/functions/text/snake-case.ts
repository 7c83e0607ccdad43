import { isConnector, lower } from "./cases.ts";

type Kind = "number" | "upper" | "alphabet" | "connector" | "punctuation" | "other";
interface Word {
  readonly kind: Kind;
  readonly text: string;
}

/** `FirstName` → `first_name`, `HTTP20xOK` → `http_20x_ok`: words joined by `connector`, as sprig's xstrings cuts them. */
export function joinWords(text: string, connector: "_" | "-"): string {
  const words = splitWords(text);
  let result = "";
  let at = 0;
  const put = (word: Word | undefined): void => {
    if (word !== undefined) result += lowered(word, connector);
  };
  /** Letters and digits that follow a number belong to it. */
  const absorb = (): void => {
    while (words[at]?.kind === "alphabet" || words[at]?.kind === "number") put(words[at++]);
  };
  const join = (): void => {
    const next = words[at]?.kind;
    if (next !== undefined && next !== "connector" && next !== "punctuation") result += connector;
  };
  while (at < words.length - 1) {
    const word = words[at++];
    put(word);
    if (word?.kind === "number") {
      absorb();
      join();
    } else if (word?.kind !== "connector" && word?.kind !== "punctuation") {
      if (words[at]?.kind !== "number") join();
      else if (at < words.length - 1) number();
    }
  }
  put(words[at]);
  return result;

  /** A number after a word: part of it, `Bld4Floor`, unless small letters follow, `HTTP2xx`. */
  function number(): void {
    const digits = words[at++];
    if (words[at]?.kind === "alphabet") {
      result += connector;
      put(digits);
      absorb();
    } else put(digits);
    join();
  }
}

function lowered({ kind, text }: Word, connector: string): string {
  if (kind !== "upper" && kind !== "connector") return text;
  return Array.from(text)
    .map((character) => (isConnector(character) ? connector : lowerUpper(character)))
    .join("");
}

function lowerUpper(character: string): string {
  return isUpper(character) ? lower(character) : character;
}

function splitWords(text: string): readonly Word[] {
  const words: Word[] = [];
  const characters = Array.from(text);
  for (let at = 0; at < characters.length;) {
    const kind = kindOf(characters[at] ?? "");
    const end = wordEnd(characters, at, kind);
    words.push({ kind, text: characters.slice(at, end).join("") });
    at = end;
  }
  return words;
}

function kindOf(character: string): Kind {
  if (isConnector(character)) return "connector";
  if (/\p{P}/u.test(character)) return "punctuation";
  if (isUpper(character)) return "upper";
  if (isAlphabet(character)) return "alphabet";
  return /\p{N}/u.test(character) ? "number" : "other";
}

function wordEnd(characters: readonly string[], start: number, kind: Kind): number {
  let end = start + 1;
  const next = (): string => characters[end] ?? "";
  if (kind === "upper") {
    if (isUpper(next())) {
      while (isUpper(next())) end++;
      // Of `HTTPStatus` the S belongs to the second word.
      return isAlphabet(next()) ? end - 1 : end;
    }
    while (end < characters.length && isAlphabet(next()) && !isUpper(next())) end++;
    return end;
  }
  // Hyphens and underscores are punctuation too, once there is other punctuation before them.
  const belongs = (character: string): boolean =>
    kind === "punctuation" ? /^\p{P}$/u.test(character) : kindOf(character) === kind;
  while (end < characters.length && belongs(next())) end++;
  return end;
}

function isUpper(character: string): boolean {
  return /^\p{Lu}$/u.test(character);
}

/** Letters, but not Chinese characters. */
function isAlphabet(character: string): boolean {
  return /^\p{L}$/u.test(character) && !/\p{Script=Han}/u.test(character);
}
