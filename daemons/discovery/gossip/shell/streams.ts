import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Address, Stream } from "#base/env/net.ts";
import { MAX_BUFFERED_BYTES, MAX_STREAMS } from "../codec/limits.ts";
import type { StreamMessage } from "../codec/message.ts";
import { StreamReader } from "../codec/stream-reader.ts";
import type { Wire } from "../codec/wire.ts";
import type { Output } from "../core/exchange.ts";

export interface StreamHandlers {
  onMessage(stream: number, message: StreamMessage, from: Address): void;
  onAnswer(call: number, message: StreamMessage | undefined): void;
  onFailed(call: number, why: string): void;
  onDropped(why: string): void;
}

interface Waiting {
  /** Called once: the message, or a reason why there is none. */
  readonly done: (outcome: StreamMessage | string) => void;
  readonly timeoutMs: number;
  readonly way: "call" | "reply";
}

/** Streams that carry one message each way. */
export class Streams {
  readonly #env: Env;
  readonly #wire: Wire;
  readonly #timeoutMs: number;
  readonly #handlers: StreamHandlers;
  readonly #incoming = new Map<number, Stream>();
  readonly #open = new Set<Stream>();
  readonly #stopped = new AbortController();
  #buffered = 0;
  #names = 0;

  constructor(options: { env: Env; wire: Wire; timeoutMs: number; handlers: StreamHandlers }) {
    this.#env = options.env;
    this.#wire = options.wire;
    this.#timeoutMs = options.timeoutMs;
    this.#handlers = options.handlers;
  }

  /** Somebody opened one. */
  accept(stream: Stream): void {
    if (this.#incoming.size >= MAX_STREAMS) {
      this.#handlers.onDropped("too many streams");
      stream.destroy();
      return;
    }
    this.#names += 1;
    const name = this.#names;
    this.#incoming.set(name, stream);
    stream.onClose(() => void this.#incoming.delete(name));
    this.#readOne(stream, {
      way: "call",
      timeoutMs: this.#timeoutMs,
      done: (outcome) => {
        if (typeof outcome !== "string") {
          this.#handlers.onMessage(name, outcome, stream.remote);
          // What wants no answer is over; the other side closes a stream it got its answer on.
          if (outcome.kind !== "push-pull" && outcome.kind !== "ping") stream.end();
          return;
        }
        this.#handlers.onDropped(outcome);
        stream.destroy();
      },
    });
  }

  /** Writes the answer to one that came in, and closes it when the other side has read it. */
  reply(name: number, bytes: Uint8Array): void {
    const stream = this.#incoming.get(name);
    if (stream === undefined) return;
    const timer = this.#env.clock.after(this.#timeoutMs, () => stream.destroy());
    stream.onClose(() => timer.cancel());
    stream.write(bytes).then(
      () => stream.end(),
      () => stream.destroy(),
    );
  }

  /** Opens one, writes, and waits for an answer if one is wanted. */
  async call(output: Output & { kind: "call" }): Promise<void> {
    const { call, to, bytes, answer, timeoutMs } = output;
    const { signal } = this.#stopped;
    const began = this.#env.clock.monotonicMs();
    let stream: Stream;
    try {
      stream = await this.#env.net.connect({ ...to, timeoutMs, signal });
    } catch (thrown) {
      if (!signal.aborted) this.#handlers.onFailed(call, messageOf(thrown));
      return;
    }
    if (signal.aborted) return stream.destroy();
    const left = Math.max(1, timeoutMs - (this.#env.clock.monotonicMs() - began));
    if (answer) {
      this.#readOne(stream, {
        way: "reply",
        timeoutMs: left,
        done: (outcome) => {
          if (typeof outcome === "string") this.#handlers.onFailed(call, outcome);
          else this.#handlers.onAnswer(call, outcome);
          stream.destroy();
        },
      });
      stream.write(bytes).catch(() => stream.destroy());
      return;
    }
    await this.#writeOnly(stream, { call, bytes, timeoutMs: left });
  }

  stop(): void {
    this.#stopped.abort();
    for (const stream of [...this.#open, ...this.#incoming.values()]) stream.destroy();
  }

  async #writeOnly(
    stream: Stream,
    { call, bytes, timeoutMs }: { call: number; bytes: Uint8Array; timeoutMs: number },
  ): Promise<void> {
    const timer = this.#env.clock.after(timeoutMs, () => stream.destroy());
    this.#open.add(stream);
    stream.onClose(() => {
      timer.cancel();
      this.#open.delete(stream);
    });
    // What a peer sends back is read, so that its end of the stream is seen.
    stream.onData(() => {});
    try {
      await stream.write(bytes);
      stream.end();
      this.#handlers.onAnswer(call, undefined);
    } catch (thrown) {
      stream.destroy();
      this.#handlers.onFailed(call, messageOf(thrown));
    }
  }

  #readOne(stream: Stream, { way, done, timeoutMs }: Waiting): void {
    const reader = new StreamReader(this.#wire, way);
    let over = false;
    const finish = (outcome: StreamMessage | string): void => {
      if (over) return;
      over = true;
      timer.cancel();
      this.#buffered -= reader.size;
      if (!this.#stopped.signal.aborted) done(outcome);
    };
    const timer = this.#env.clock.after(timeoutMs, () => finish("stream timed out"));
    this.#open.add(stream);
    stream.onClose((error) => {
      this.#open.delete(stream);
      finish(error === undefined ? "stream ended early" : messageOf(error));
    });
    stream.onData((chunk) => {
      if (over) return;
      if (this.#buffered + chunk.length > MAX_BUFFERED_BYTES) return finish("too much in all streams");
      const before = reader.size;
      const progress = reader.push(chunk);
      this.#buffered += reader.size - before;
      if (progress.kind === "message") finish(progress.message);
      else if (progress.kind === "bad") finish(progress.why);
    });
  }
}
