import { messageOf } from "#base/env/errors.ts";
import type { Sink } from "../engine/source.ts";
import type { Answer } from "../sources/template-source.ts";
import type { SharedData } from "./shared-data.ts";

export interface LaneOptions<V> {
  readonly key: string;
  readonly sink: Sink<V>;
  /** Asks the server itself. */
  readonly ask: (sink: Sink<Answer<V>>, signal: AbortSignal) => Promise<void>;
  readonly read: (body: string | undefined) => V;
  /** The server answered us. */
  readonly onAnswer: () => void;
}

/** One dependency of a shared template: asked of the server by the leader, read from what the leader shares by others. */
export class Lane<V> {
  readonly key: string;
  readonly #options: LaneOptions<V>;
  #asking: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  #answer: { readonly body: string | undefined } | undefined;
  #told: { readonly body: string | undefined } | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: LaneOptions<V>) {
    this.key = options.key;
    this.#options = options;
  }

  /** What the server answered us last; undefined: nothing yet, or others ask. */
  get answer(): { readonly body: string | undefined } | undefined {
    return this.#answer;
  }

  /** Who asks, and what is shared. What the leader did not ask for, because its machine is another one, is asked here. */
  update(leads: boolean | undefined, data: SharedData | undefined): void {
    if (this.#stopped !== undefined || leads === undefined) return;
    const isThere = data !== undefined && Object.hasOwn(data.answers, this.key);
    const isOurs = leads || (data !== undefined && (data.tooLarge || (data.complete && !isThere)));
    if (isOurs) this.#ask();
    else {
      this.#asking?.abort.abort();
      this.#asking = undefined;
      this.#answer = undefined;
      if (isThere) this.#share(data.answers[this.key] ?? undefined);
    }
  }

  failed(message: string, retryMs: number | undefined): void {
    this.#options.sink.failed(message, retryMs);
  }

  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      this.#asking?.abort.abort();
      await this.#asking?.done;
    })();
    return this.#stopped;
  }

  #share(body: string | undefined): void {
    if (this.#told !== undefined && this.#told.body === body) return;
    this.#told = { body };
    try {
      this.#options.sink.value(this.#options.read(body));
    } catch (thrown) {
      this.#options.sink.failed(`another instance shared an answer that cannot be read: ${messageOf(thrown)}`, 0);
    }
  }

  #ask(): void {
    if (this.#asking !== undefined) return;
    const { ask, sink, onAnswer } = this.#options;
    const abort = new AbortController();
    const value = ({ value: newest, body }: Answer<V>): void => {
      if (abort.signal.aborted) return;
      this.#answer = { body };
      if (this.#told === undefined || this.#told.body !== body) sink.value(newest);
      this.#told = { body };
      onAnswer();
    };
    this.#asking = { abort, done: ask({ value, failed: sink.failed }, abort.signal) };
  }
}
