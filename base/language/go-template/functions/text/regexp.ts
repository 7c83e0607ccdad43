import type { RE2JS } from "re2js";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { compilePattern } from "../../../pattern.ts";

const GO_ERROR = "error parsing regexp: ";

/** Compiles a pattern of RE2's syntax for the linear-time engine; the error is worded as Go's. */
export function compileRegexp(pattern: string): Result<Regexp> {
  const compiled = compilePattern(pattern);
  if (compiled.ok) return succeed(new Regexp(pattern, compiled.value));
  const { code, message } = compiled.error;
  return fail(code, message.slice(Math.max(0, message.indexOf(GO_ERROR))));
}

/** Start and end of the whole match, then of each group; -1 where a group took no part. */
type Match = readonly number[];

/** What Go's `regexp.Regexp` does with strings (https://pkg.go.dev/regexp). */
export class Regexp {
  readonly #pattern: string;
  readonly #regexp: RE2JS;

  constructor(pattern: string, regexp: RE2JS) {
    this.#pattern = pattern;
    this.#regexp = regexp;
  }

  matches(text: string): boolean {
    return this.#regexp.matcher(text).find();
  }

  /** Empty: there is no match. */
  find(text: string): string {
    const match = this.#matchAt(text, 0);
    return match === undefined ? "" : text.slice(match[0], match[1]);
  }

  /** At most `limit` matches; a negative limit: all. */
  findAll(text: string, limit: number): readonly string[] {
    return this.#all(text, limit).map((match) => text.slice(match[0], match[1]));
  }

  /** `$1`, `${1}` and `$name` stand for groups, `$$` for a dollar sign; a name is as long as letters, digits and _ go. */
  replaceAll(text: string, template: string): string {
    const expand = this.#expander(template);
    return this.#replace(text, (match) => expand(text, match));
  }

  replaceAllLiteral(text: string, by: string): string {
    return this.#replace(text, () => by);
  }

  /** `n` > 0: at most n pieces, the last one unsplit; 0: none; negative: all. */
  split(text: string, n: number): readonly string[] {
    if (n === 0) return [];
    if (this.#pattern !== "" && text === "") return [""];
    const pieces: string[] = [];
    let begin = 0;
    let end = 0;
    for (const [start = 0, stop = 0] of this.#all(text, n)) {
      if (n > 0 && pieces.length === n - 1) break;
      end = start;
      if (stop !== 0) pieces.push(text.slice(begin, end));
      begin = stop;
    }
    if (end !== text.length) pieces.push(text.slice(begin));
    return pieces;
  }

  #matchAt(text: string, from: number): Match | undefined {
    const matcher = this.#regexp.matcher(text);
    if (!matcher.find(from)) return undefined;
    const groups = Array.from({ length: this.#regexp.groupCount() + 1 }, (_, group) => group);
    return groups.flatMap((group) => [matcher.start(group), matcher.end(group)]);
  }

  /** An empty match right after another does not count. */
  #all(text: string, limit: number): readonly Match[] {
    const matches: Match[] = [];
    let previousEnd = -1;
    for (let at = 0; at <= text.length && (limit < 0 || matches.length < limit);) {
      const match = this.#matchAt(text, at);
      if (match === undefined) break;
      const [start = 0, end = 0] = match;
      if (end !== at || start !== previousEnd) matches.push(match);
      at = end === at ? at + widthAt(text, at) : end;
      previousEnd = end;
    }
    return matches;
  }

  #replace(text: string, by: (match: Match) => string): string {
    let result = "";
    let lastEnd = 0;
    for (let at = 0; at <= text.length;) {
      const match = this.#matchAt(text, at);
      if (match === undefined) break;
      const [start = 0, end = 0] = match;
      result += text.slice(lastEnd, start);
      if (end > lastEnd || start === 0) result += by(match);
      lastEnd = end;
      at = Math.max(at + widthAt(text, at), end);
    }
    return result + text.slice(lastEnd);
  }

  #expander(template: string): (text: string, match: Match) => string {
    const names = this.#regexp.namedGroups();
    const pieces = splitTemplate(template).map((piece) => {
      if ("literal" in piece) return piece;
      return { group: /^\d+$/.test(piece.name) ? Number(piece.name) : (names[piece.name] ?? -1) };
    });
    return (text, match) =>
      pieces
        .map((piece) => {
          if ("literal" in piece) return piece.literal;
          const start = match[piece.group * 2] ?? -1;
          return start < 0 ? "" : text.slice(start, match[piece.group * 2 + 1]);
        })
        .join("");
  }
}

/** `regexp.QuoteMeta`. */
export function quoteMeta(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`);
}

type Piece = { readonly literal: string } | { readonly name: string };

/** A `$` that starts no group's name stands for itself. */
function splitTemplate(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let done = 0;
  for (const match of template.matchAll(/\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu)) {
    pieces.push({ literal: template.slice(done, match.index) });
    const name = match[1] ?? match[2];
    pieces.push(name === undefined ? { literal: "$" } : { name });
    done = match.index + match[0].length;
  }
  return [...pieces, { literal: template.slice(done) }];
}

function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}
