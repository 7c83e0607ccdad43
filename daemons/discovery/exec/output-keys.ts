import { concatBytes } from "#base/env/bytes.ts";
import type { Clock, Timer } from "#base/env/clock.ts";

/** Output gathered before it becomes a key, in bytes and time. */
const CHUNK_BYTES = 16 * 1024;
const FLUSH_MS = 500;
/** Output that is passed on of one command; the rest is dropped. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

export interface OutputKeysDeps {
  readonly clock: Clock;
  /** Writes the chunk of that number; false: the caller is gone. */
  readonly write: (chunk: number, data: Uint8Array) => Promise<boolean>;
  /** Called at least every {@link FLUSH_MS}: whether somebody still waits for the output. */
  readonly isWanted: () => boolean;
  readonly onUnwanted: () => void;
}

/** A program's output as keys `out/00000`, `out/00001`, … */
export class OutputKeys {
  readonly #deps: OutputKeysDeps;
  #pending: Uint8Array[] = [];
  #size = 0;
  #total = 0;
  #chunks = 0;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: OutputKeysDeps) {
    this.#deps = deps;
    this.#arm();
  }

  /** While it is pending, no more should be read of the program. */
  add(data: Uint8Array): Promise<void> | undefined {
    const kept = data.subarray(0, Math.max(0, MAX_OUTPUT_BYTES - this.#total));
    this.#total += kept.length;
    if (kept.length > 0) this.#pending.push(Uint8Array.from(kept));
    this.#size += kept.length;
    return this.#size < CHUNK_BYTES ? undefined : this.#flush();
  }

  /** Writes what is left. */
  async end(): Promise<void> {
    this.#timer?.cancel();
    await this.#flush();
  }

  #arm(): void {
    this.#timer = this.#deps.clock.after(FLUSH_MS, () => {
      if (!this.#deps.isWanted()) return this.#deps.onUnwanted();
      void this.#flush();
      this.#arm();
    });
  }

  #flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (this.#size === 0) return;
      const data = concatBytes(this.#pending);
      this.#pending = [];
      this.#size = 0;
      const chunk = this.#chunks++;
      if (!(await this.#deps.write(chunk, data).catch(() => false))) this.#deps.onUnwanted();
    });
    return this.#writing;
  }
}
