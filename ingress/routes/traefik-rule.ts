import type { Condition } from "./route.ts";

/** One matcher of a rule, as it was written. */
export interface Matcher {
  readonly name: string;
  readonly values: readonly string[];
  readonly not: boolean;
}

/** What any one of its lists of matchers, all together, accepts. */
export type RuleReading =
  | { readonly ok: true; readonly any: readonly (readonly Matcher[])[] }
  | { readonly ok: false; readonly message: string };

const MAX_DEPTH = 16;
/** Of `||` multiplied out. */
export const MAX_ALTERNATIVES = 32;
const TOKEN = /\s*(?:(&&|\|\||[!(),])|([A-Za-z]+)|`([^`]*)`|"((?:[^"\\]|\\.)*)")/y;

type Token = { readonly kind: "sign" | "word" | "text"; readonly text: string };

class Malformed extends Error {}

/**
 * Reads a rule such as `` Host(`a.example`) && (PathPrefix(`/x`) || !Method(`POST`)) ``
 * (https://doc.traefik.io/traefik/routing/routers/#rule).
 */
export function readRule(text: string): RuleReading {
  try {
    const parser = new RuleParser(tokensOf(text));
    return { ok: true, any: parser.whole() };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, message: error.message };
    throw error;
  }
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < text.trimEnd().length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null) throw new Malformed(`cannot be read from ${JSON.stringify(text.slice(at, at + 20))} on`);
    const [, sign, word, quoted, double] = match;
    if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
    else tokens.push({ kind: "text", text: quoted ?? (double ?? "").replaceAll(/\\(.)/g, "$1") });
  }
  return tokens;
}

type Alternatives = readonly (readonly Matcher[])[];

class RuleParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Alternatives {
    const any = this.#either(0, false);
    if (this.#at < this.#tokens.length)
      throw new Malformed(`has ${JSON.stringify(this.#tokens[this.#at]?.text)} after its end`);
    return any;
  }

  #take(sign: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "sign" || token.text !== sign) return false;
    this.#at += 1;
    return true;
  }

  #either(depth: number, not: boolean): Alternatives {
    if (depth > MAX_DEPTH) throw new Malformed("is nested too deeply");
    let found = this.#both(depth, not);
    while (this.#take("||")) {
      const more = this.#both(depth, not);
      found = not ? multiplied(found, more) : limited([...found, ...more]);
    }
    return found;
  }

  #both(depth: number, not: boolean): Alternatives {
    let found = this.#one(depth, not);
    while (this.#take("&&")) {
      const more = this.#one(depth, not);
      found = not ? limited([...found, ...more]) : multiplied(found, more);
    }
    return found;
  }

  #one(depth: number, not: boolean): Alternatives {
    if (this.#take("!")) {
      if (depth > MAX_DEPTH) throw new Malformed("is nested too deeply");
      return this.#one(depth + 1, !not);
    }
    if (this.#take("(")) {
      const inner = this.#either(depth + 1, not);
      if (!this.#take(")")) throw new Malformed("lacks a )");
      return inner;
    }
    return [[this.#matcher(not)]];
  }

  #matcher(not: boolean): Matcher {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "word")
      throw new Malformed(
        `has ${JSON.stringify(token?.text ?? "its end")} where a matcher such as Host(\`name\`) was expected`,
      );
    this.#at += 1;
    if (!this.#take("(")) throw new Malformed(`lacks a ( after ${token.text}`);
    const values: string[] = [];
    while (this.#tokens[this.#at]?.kind === "text") {
      values.push(this.#tokens[this.#at]?.text ?? "");
      this.#at += 1;
      if (!this.#take(",")) break;
    }
    if (!this.#take(")")) throw new Malformed(`lacks a ) after ${token.text}`);
    return { name: token.text, values, not };
  }
}

function multiplied(left: Alternatives, right: Alternatives): Alternatives {
  return limited(left.flatMap((one) => right.map((other) => [...one, ...other])));
}

function limited(found: Alternatives): Alternatives {
  if (found.length > MAX_ALTERNATIVES) throw new Malformed(`has more than ${MAX_ALTERNATIVES} alternatives`);
  return found;
}

/** A condition from a matcher that is no host and no path; undefined for others. */
export function conditionOf({ name, values, not }: Matcher): Condition | undefined {
  const [key = "", value] = values;
  switch (name) {
    case "Method":
      return { kind: "method", not, name: "", values, regex: false };
    case "ClientIP":
      return { kind: "client", not, name: "", values, regex: false };
    case "Header":
    case "Headers":
    case "HeaderRegexp":
    case "HeadersRegexp":
      return {
        kind: "header",
        not,
        name: key,
        values: value === undefined ? [] : [value],
        regex: name.endsWith("Regexp"),
      };
    case "Query":
    case "QueryRegexp": {
      // Version 2 wrote `Query(`a=b`)`.
      const [left = "", right] = value === undefined ? key.split(/=(.*)/s) : [key, value];
      return {
        kind: "query",
        not,
        name: left,
        values: right === undefined ? [] : [right],
        regex: name === "QueryRegexp",
      };
    }
    default:
      return undefined;
  }
}
