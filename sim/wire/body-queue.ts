/** Pieces of a body on their way from the network to one reader. */
export class BodyQueue implements AsyncIterable<Uint8Array> {
  readonly #parts: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: Error | undefined;
  readonly #onDropped: () => void;

  /** `onDropped`: the reader stopped before the end. */
  constructor(onDropped: () => void) {
    this.#onDropped = onDropped;
  }

  push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  fail(error: Error): void {
    if (!this.#ended) this.#error ??= error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const part = this.#parts.shift();
        if (part !== undefined) {
          yield part;
          continue;
        }
        if (this.#error !== undefined) throw this.#error;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      if (!this.#ended && this.#error === undefined) this.#onDropped();
    }
  }
}
