import { RE2JS } from "re2js";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";

/** Characters of one pattern. */
const MAX_LENGTH = 4096;
/** Repetitions that are counted (`{250}`), in all: each copies what it repeats, so they are what makes a pattern large. */
const MAX_COUNTED = 250;
const COUNTED = /\{(\d{1,6})(?:,(\d{0,6}))?\}/g;
const LONGEST_SHOWN = 80;

/** A regular expression from a user, for the linear-time engine; small enough to be compiled and run within one turn. */
export function compilePattern(pattern: string): Result<RE2JS> {
  const shown = JSON.stringify(pattern.length > LONGEST_SHOWN ? `${pattern.slice(0, LONGEST_SHOWN)}…` : pattern);
  if (pattern.length > MAX_LENGTH) {
    return fail(
      "bad_regexp",
      `the regular expression ${shown} has ${pattern.length} characters; at most ${MAX_LENGTH} are possible`,
    );
  }
  let counted = 0;
  for (const [, least = "0", most] of pattern.matchAll(COUNTED))
    counted += Number(most === undefined || most === "" ? least : most);
  if (counted > MAX_COUNTED) {
    return fail(
      "bad_regexp",
      `the regular expression ${shown} repeats ${counted} times in all; at most ${MAX_COUNTED} are possible`,
    );
  }
  try {
    return succeed(RE2JS.compile(pattern));
  } catch (thrown) {
    return fail("bad_regexp", `bad regular expression ${shown}: ${messageOf(thrown)}`);
  }
}
