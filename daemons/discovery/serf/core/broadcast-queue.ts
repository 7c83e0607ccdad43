import { MAX_QUEUED } from "./limits.ts";

interface Entry {
  readonly message: Uint8Array;
  readonly key: string | undefined;
  readonly order: number;
  readonly done: (() => void) | undefined;
  sent: number;
}

export interface BroadcastOptions {
  /** A newer message of the same key takes this one's place. */
  readonly key?: string;
  /** Called once: sent often enough, or not to be sent any more. */
  readonly done?: () => void;
}

/** Messages to be passed on a number of times each: first those sent least, of these the newest. */
export class BroadcastQueue {
  #entries: Entry[] = [];
  #order = 0;

  get size(): number {
    return this.#entries.length;
  }

  push(message: Uint8Array, { key, done }: BroadcastOptions = {}): void {
    if (key !== undefined) this.#drop((entry) => entry.key === key);
    this.#entries.push({ message, key, done, order: ++this.#order, sent: 0 });
    if (this.#entries.length > MAX_QUEUED) {
      const oldest = Math.min(...this.#entries.map((entry) => entry.order));
      this.#drop((entry) => entry.order === oldest);
    }
  }

  /** What fits into `limit` bytes at `overhead` more each; a message is gone after `times` times. */
  take({ overhead, limit, times }: { readonly overhead: number; readonly limit: number; readonly times: number }) {
    const taken: Uint8Array[] = [];
    if (this.#entries.length === 0) return taken;
    let room = limit;
    this.#entries.sort((a, b) => a.sent - b.sent || b.order - a.order);
    for (const entry of this.#entries) {
      if (room <= overhead) break;
      if (entry.message.length + overhead > room) continue;
      room -= entry.message.length + overhead;
      entry.sent += 1;
      taken.push(entry.message);
    }
    this.#drop((entry) => entry.sent >= times);
    return taken;
  }

  /** Gives up what is left. */
  clear(): void {
    this.#drop(() => true);
  }

  #drop(gone: (entry: Entry) => boolean): void {
    const dropped = this.#entries.filter(gone);
    if (dropped.length === 0) return;
    this.#entries = this.#entries.filter((entry) => !gone(entry));
    for (const entry of dropped) entry.done?.();
  }
}
