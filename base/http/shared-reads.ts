import type { ExchangeResponse } from "./exchange.ts";
import type { RouteRequest, StateAnswer } from "./route.ts";

/** Different questions remembered at one version of the state; above that they are forgotten and asked again. */
const MAX_QUESTIONS = 1000;

/** An answer that several waiting clients get, and what was sent to the first of them. */
export interface SharedAnswer {
  readonly index: number;
  readonly answer: StateAnswer;
  /** By content coding; streams are not in here. */
  readonly responses: Map<string, ExchangeResponse>;
  /** Long lists, which take several turns to write; their bodies can be sent again. */
  readonly long: Map<string, Promise<ExchangeResponse>>;
}

/**
 * A change wakes everybody who waits for it, and most of them asked the same: what was read from one version of the
 * state for one question is read, put into words and compressed once. A question is the path and the parameters but for
 * `index` and `wait`, asked with the same token while its rights are the same.
 */
export class SharedReads {
  #version = -1;
  #questions = new Map<object, Map<string, SharedAnswer>>();
  #size = 0;

  /** `version` undefined: nobody counts versions, nothing is shared; nor where nobody knows whose rights are the same. */
  read({ rights, text }: Question, version: number | undefined, read: () => StateAnswer): SharedAnswer {
    if (version === undefined || rights === undefined) return fresh(read());
    if (version !== this.#version || this.#size >= MAX_QUESTIONS) {
      this.#version = version;
      this.#questions = new Map();
      this.#size = 0;
    }
    const known = this.#questions.get(rights) ?? new Map<string, SharedAnswer>();
    this.#questions.set(rights, known);
    const found = known.get(text);
    if (found !== undefined) return found;
    const answer = fresh(read());
    known.set(text, answer);
    this.#size += 1;
    return answer;
  }
}

function fresh(answer: StateAnswer): SharedAnswer {
  return { index: answer.index, answer, responses: new Map(), long: new Map() };
}

/** What is asked, and with which rights. */
export interface Question {
  readonly rights: object | undefined;
  readonly text: string;
}

export function questionOf({ method, path, token, rawQuery, access }: RouteRequest): Question {
  const parameters = [...rawQuery].filter(([name]) => name !== "index" && name !== "wait");
  return { rights: access.rights, text: JSON.stringify([method, path, token, parameters]) };
}
