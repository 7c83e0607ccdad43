import { textOf } from "#base/env/bytes.ts";
import { conflictAnswer, CONFLICT_QUERY } from "./conflict.ts";
import type { IncomingQuery } from "./core-ports.ts";
import { answerKeyQuery, keyVerbOf, type Keys } from "./key-queries.ts";
import type { Members } from "./members.ts";

const PREFIX = "_serf_";
/** Bytes of an answer around its payload. */
const ENVELOPE = 320;

export interface InternalQueriesOptions {
  readonly name: string;
  readonly members: Members;
  readonly keys: Keys | undefined;
  readonly onKeysChanged: () => void;
  readonly answerLimit: number;
}

/** Queries that members ask each other, of which users see nothing: `_serf_ping`, `_serf_conflict`, `_serf_*-key`. */
export class InternalQueries {
  readonly #options: InternalQueriesOptions;

  constructor(options: InternalQueriesOptions) {
    this.#options = options;
  }

  /** True when it was for us; those that are not known are answered by nobody. */
  take(query: IncomingQuery): boolean {
    if (!query.name.startsWith(PREFIX)) return false;
    const { name, members, keys, onKeysChanged, answerLimit } = this.#options;
    if (query.name === CONFLICT_QUERY) {
      const asked = textOf(query.payload);
      const member = asked === name ? undefined : members.get(asked);
      if (member !== undefined) query.respond(conflictAnswer(member));
      return true;
    }
    const verb = keyVerbOf(query.name);
    if (verb === undefined) return true;
    query.respond(answerKeyQuery(verb, query.payload, { keys, changed: onKeysChanged, limit: answerLimit - ENVELOPE }));
    return true;
  }
}
