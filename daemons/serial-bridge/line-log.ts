import type { Clock, Timer } from "#base/env/clock.ts";

export interface LoggedLine {
  readonly timeMs: number;
  /** Without its end; control characters as `\xNN`. */
  readonly text: string;
}

/** Longer ones are cut into pieces. */
export const MAX_LINE_BYTES = 4096;
/** Lines kept for those who come later. */
export const KEPT_LINES = 1000;
/** What stays without an end so long (a prompt) is a line, too. */
const IDLE_MS = 2000;

const LF = 10;
const CR = 13;

/** Makes lines of what a port says. */
export class LineLog {
  readonly #clock: Clock;
  readonly #listeners = new Set<(line: LoggedLine) => void>();
  readonly #kept: LoggedLine[] = [];
  #partial: number[] = [];
  #beganMs = 0;
  #afterCr = false;
  #idle: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(data: Uint8Array): void {
    this.#idle?.cancel();
    for (const byte of data) {
      const endsPair = this.#afterCr && byte === LF;
      this.#afterCr = byte === CR;
      if (endsPair) continue;
      if (byte === LF || byte === CR) this.#end();
      else {
        if (this.#partial.length === 0) this.#beganMs = this.#clock.nowMs();
        this.#partial.push(byte);
        if (this.#partial.length >= MAX_LINE_BYTES) this.#end();
      }
    }
    if (this.#partial.length > 0) this.#idle = this.#clock.after(IDLE_MS, () => this.#end());
  }

  /** The newest last. */
  recent(count: number): readonly LoggedLine[] {
    return count <= 0 ? [] : this.#kept.slice(-count);
  }

  onLine(listener: (line: LoggedLine) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#idle?.cancel();
    if (this.#partial.length > 0) this.#end();
  }

  #end(): void {
    const timeMs = this.#partial.length === 0 ? this.#clock.nowMs() : this.#beganMs;
    const line = { timeMs, text: printable(Uint8Array.from(this.#partial)) };
    this.#partial = [];
    this.#kept.push(line);
    if (this.#kept.length > KEPT_LINES) this.#kept.shift();
    for (const listener of this.#listeners) listener(line);
  }
}

/** A device must not be able to drive the terminal of whoever reads its log. */
function printable(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("utf8");
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, (sign) => {
    return `\\x${sign.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
