/** Somebody who wants a piece of work done, until `signal`. */
export interface Waiter {
  readonly signal: AbortSignal;
  readonly onEvent: (message: string, details: Readonly<Record<string, string>>) => void;
}

interface Running<T> {
  readonly waiters: Set<Waiter>;
  readonly nobody: AbortController;
  readonly done: Promise<T>;
}

/** Work that several want at once is done once, tells all of them, and goes on while one of them still wants it. */
export class SharedWork<T> {
  readonly #running = new Map<string, Running<T>>();

  join(key: string, waiter: Waiter, work: (all: Waiter) => Promise<T>): Promise<T> {
    const running = this.#running.get(key) ?? this.#begin(key, work);
    running.waiters.add(waiter);
    const leave = (): void => {
      running.waiters.delete(waiter);
      if (running.waiters.size > 0) return;
      running.nobody.abort();
      this.#forget(key, running);
    };
    waiter.signal.addEventListener("abort", leave, { once: true });
    return running.done.finally(() => waiter.signal.removeEventListener("abort", leave));
  }

  #begin(key: string, work: (all: Waiter) => Promise<T>): Running<T> {
    const [waiters, nobody] = [new Set<Waiter>(), new AbortController()];
    const onEvent: Waiter["onEvent"] = (message, details) => {
      for (const waiter of waiters) waiter.onEvent(message, details);
    };
    // Not before whoever asked for it is among them.
    const done = Promise.resolve().then(() => work({ signal: nobody.signal, onEvent }));
    const running = { waiters, nobody, done };
    this.#running.set(key, running);
    const forget = (): void => this.#forget(key, running);
    done.then(forget, forget);
    return running;
  }

  #forget(key: string, running: Running<T>): void {
    if (this.#running.get(key) === running) this.#running.delete(key);
  }
}
