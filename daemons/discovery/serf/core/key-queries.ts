import { succeed, fail, type Result } from "#base/env/errors.ts";
import { decodeBody, encodeMessage, KeyRequestSchema, KeyResponseSchema, MESSAGE } from "../wire/messages.ts";
import type { QueryAnswer } from "./open-query.ts";

/** The part of a keyring that key queries work on; undefined keyring: nothing is encrypted. */
export interface Keys {
  readonly keys: readonly Uint8Array[];
  readonly primary: Uint8Array | undefined;
  install(key: Uint8Array): Result<void>;
  use(key: Uint8Array): Result<void>;
  remove(key: Uint8Array): Result<void>;
}

export const KEY_VERBS = ["install", "use", "remove", "list"] as const;
export type KeyVerb = (typeof KEY_VERBS)[number];

/** Answers fit so many keys: real ones are cut at the limit of answers too. */
const NAMES: Readonly<Record<KeyVerb, string>> = {
  install: "_serf_install-key",
  use: "_serf_use-key",
  remove: "_serf_remove-key",
  list: "_serf_list-keys",
};

export function keyQueryName(verb: KeyVerb): string {
  return NAMES[verb];
}

export function keyVerbOf(queryName: string): KeyVerb | undefined {
  return KEY_VERBS.find((verb) => NAMES[verb] === queryName);
}

/** Failure `KEY_FORMAT`. */
export function parseKey(base64: string): Result<Uint8Array> {
  const key = new Uint8Array(Buffer.from(base64, "base64"));
  const strict = Buffer.from(key).toString("base64") === base64.trim();
  if (strict && [16, 24, 32].includes(key.length)) return succeed(key);
  return fail("KEY_FORMAT", "a gossip key is 16, 24 or 32 bytes in base64", "`lares keygen` makes one");
}

export function encodeKeyRequest(key: Uint8Array | undefined): Uint8Array {
  return key === undefined ? new Uint8Array() : encodeMessage("keyRequest", { Key: key });
}

/** Does what a key query says, and makes the answer. `changed` is called when the ring is another one now. */
export function answerKeyQuery(
  verb: KeyVerb,
  payload: Uint8Array,
  { keys, changed, limit }: { readonly keys: Keys | undefined; readonly changed: () => void; readonly limit: number },
): Uint8Array {
  if (keys === undefined)
    return encodeKeyResponse({ Result: false, Message: "No keyring to modify (encryption not enabled)" });
  if (verb === "list") return listAnswer(keys, limit);
  const request = decodeBody(KeyRequestSchema, payload);
  if (payload[0] !== MESSAGE.keyRequest || !request.ok)
    return encodeKeyResponse({ Result: false, Message: "not a key" });
  const done = keys[verb](request.value.Key);
  if (!done.ok) return encodeKeyResponse({ Result: false, Message: done.error.message });
  changed();
  return encodeKeyResponse({ Result: true, Message: "" });
}

/** As many keys as fit, with word of those that do not. */
function listAnswer({ keys, primary }: Keys, limit: number): Uint8Array {
  const PrimaryKey = primary === undefined ? "" : base64Of(primary);
  const texts = keys.map(base64Of);
  for (let count = texts.length; count > 0; count--) {
    const Message =
      count < texts.length ? `truncated key list response, showing first ${count} of ${texts.length} keys` : "";
    const answer = encodeKeyResponse({ Result: true, Message, Keys: texts.slice(0, count), PrimaryKey });
    if (answer.length <= limit) return answer;
  }
  return encodeKeyResponse({ Result: false, Message: "the list of keys does not fit into an answer" });
}

function encodeKeyResponse(answer: {
  readonly Result: boolean;
  readonly Message: string;
  readonly Keys?: readonly string[];
  readonly PrimaryKey?: string;
}): Uint8Array {
  const { Result: ok, Message, Keys: list, PrimaryKey = "" } = answer;
  return encodeMessage("keyResponse", { Result: ok, Message, Keys: list ?? null, PrimaryKey });
}

/** What all members answered, together. */
export interface KeyReport {
  /** By node: what it had to say, mostly why it failed. */
  readonly messages: Readonly<Record<string, string>>;
  /** Key in base64 → how many members have it. */
  readonly keys: Readonly<Record<string, number>>;
  readonly primaryKeys: Readonly<Record<string, number>>;
  readonly nodes: number;
  readonly responses: number;
  readonly errors: number;
}

export class KeyTally {
  readonly #messages = new Map<string, string>();
  readonly #keys = new Map<string, number>();
  readonly #primary = new Map<string, number>();
  #responses = 0;
  #errors = 0;

  add({ from, payload }: QueryAnswer): void {
    this.#responses += 1;
    const answer = decodeBody(KeyResponseSchema, payload);
    if (payload[0] !== MESSAGE.keyResponse || !answer.ok) {
      this.#errors += 1;
      this.#messages.set(from, "Invalid key query response");
      return;
    }
    const { Result: ok, Message, Keys: list, PrimaryKey } = answer.value;
    if (!ok) this.#errors += 1;
    if (Message !== "") this.#messages.set(from, Message);
    for (const key of list) this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1);
    if (PrimaryKey !== "") this.#primary.set(PrimaryKey, (this.#primary.get(PrimaryKey) ?? 0) + 1);
  }

  get responses(): number {
    return this.#responses;
  }

  report(nodes: number): KeyReport {
    return {
      messages: Object.fromEntries(this.#messages),
      keys: Object.fromEntries(this.#keys),
      primaryKeys: Object.fromEntries(this.#primary),
      nodes,
      responses: this.#responses,
      errors: this.#errors,
    };
  }
}

export function base64Of(key: Uint8Array): string {
  return Buffer.from(key).toString("base64");
}
