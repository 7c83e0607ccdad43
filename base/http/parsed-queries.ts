import type * as v from "valibot";
import { listKeys, parseQuery } from "./query.ts";

/** Queries of one row that are remembered, and how long one may be. Above they are forgotten, all of them. */
const MAX_KNOWN = 256;
const MAX_KNOWN_LENGTH = 64;

/** Queries of one row, parsed: most requests to a row say the same again, and a schema takes its time. */
export class ParsedQueries {
  readonly #schema: v.GenericSchema;
  readonly #lists: ReadonlySet<string>;
  readonly #known = new Map<string, unknown>();

  constructor(schema: v.GenericSchema) {
    this.#schema = schema;
    this.#lists = listKeys(schema);
  }

  /** Throws an {@link HttpError} 400. */
  of(text: string, raw: ReadonlyMap<string, readonly string[]>): unknown {
    const found = this.#known.get(text);
    if (found !== undefined) return found;
    const parsed = parseQuery(this.#schema, this.#lists, raw);
    if (text.length > MAX_KNOWN_LENGTH) return parsed;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(text, parsed);
    return parsed;
  }
}
