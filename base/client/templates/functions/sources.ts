import type { Result } from "#base/env/errors.ts";
import { GoError, GoPending, type GoResult, type GoValue } from "#base/language/go-template/value.ts";
import type { Dependency } from "../dependencies/dependency.ts";

/** What a template's functions ask while it renders. */
export interface Sources {
  /**
   * Notes that the template asked, and gives the answer: null when it is that there is no such thing, undefined while there
   * is none yet (the rendering goes on, so that one pass finds everything a template asks for, but does not count).
   */
  readonly recall: (dependency: Dependency) => GoValue | undefined;
}

export interface Asked {
  /** What stands for an answer that is not there yet. */
  readonly empty: GoValue;
  /** What the function makes of the answer. */
  readonly read?: (answer: GoValue) => GoResult;
}

/** Asks for a dependency; a query that could not be read is an error. */
export function ask(sources: Sources, query: Result<Dependency> | Dependency, { empty, read }: Asked): GoResult {
  if ("ok" in query && !query.ok) return new GoError(query.error.message);
  const answer = sources.recall("ok" in query ? query.value : query);
  if (answer === undefined) return new GoPending(empty);
  return read === undefined ? answer : read(answer);
}
