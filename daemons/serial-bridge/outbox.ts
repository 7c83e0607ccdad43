/** Who has not taken this much is too slow for the port and is let go. */
export const MAX_BEHIND_BYTES = 1024 * 1024;

/** What waits to be sent to one client, in order. */
export class Outbox {
  readonly #send: (data: Uint8Array) => Promise<void>;
  readonly #tooSlow: () => void;
  #waitingBytes = 0;
  #last: Promise<void> = Promise.resolve();
  #over = false;

  constructor(send: (data: Uint8Array) => Promise<void>, tooSlow: () => void) {
    this.#send = send;
    this.#tooSlow = tooSlow;
  }

  put(data: Uint8Array): void {
    if (this.#over) return;
    this.#waitingBytes += data.length;
    if (this.#waitingBytes > MAX_BEHIND_BYTES) {
      this.#over = true;
      this.#tooSlow();
      return;
    }
    this.#last = this.#last
      .then(() => this.#send(data))
      .then(
        () => void (this.#waitingBytes -= data.length),
        () => void (this.#over = true),
      );
  }
}
