import { createHash } from "node:crypto";

/** The newest lines kept for a report of what went wrong. */
const MAX_LINES = 400;

/** Every delivered event and log line, as a running hash; the newest also as text. */
export class Trace {
  readonly #hash = createHash("sha256");
  readonly #lines: string[] = [];
  readonly #onLine: ((line: string) => void) | undefined;
  #events = 0;

  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine;
  }

  get events(): number {
    return this.#events;
  }

  add(line: string): void {
    this.#events += 1;
    this.#hash.update(line);
    this.#hash.update("\n");
    this.#lines.push(line);
    if (this.#lines.length > 2 * MAX_LINES) this.#lines.splice(0, MAX_LINES);
    this.#onLine?.(line);
  }

  /** Of everything so far, in hex. Equal traces have equal digests. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  newest(): readonly string[] {
    return this.#lines.slice(-MAX_LINES);
  }
}
