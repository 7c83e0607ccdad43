import type { Failure } from "#base/env/errors.ts";
import { nearest } from "#base/language/nearest.ts";
import type { Draft } from "./draft.ts";
import { OPTION_READERS } from "./options.ts";
import { problem } from "./route.ts";

export interface NamedOption {
  readonly name: string;
  readonly value: string;
  /** The tag it stands in, for messages. */
  readonly source: string;
}

/** Reads options into the draft; undefined, or the first that is wrong. */
export function applyOptions(options: readonly NamedOption[], draft: Draft): Failure | undefined {
  for (const { name, value, source } of options) {
    const reader = Object.hasOwn(OPTION_READERS, name) ? OPTION_READERS[name] : undefined;
    if (reader === undefined) {
      const close = nearest(name, Object.keys(OPTION_READERS));
      return problem(
        source,
        `has the option ${JSON.stringify(name)}`,
        `there is none of this name${close === undefined ? "" : `; did you mean ${close}?`}`,
      );
    }
    const read = reader(value, draft);
    if (!read.ok) return problem(source, `has ${name}=${JSON.stringify(value)}`, `expected: ${read.expected}`);
  }
  return undefined;
}
