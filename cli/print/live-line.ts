import type { Output } from "../command/command.ts";

/** A line that wraps could not be taken back; every terminal has this much. */
const LONGEST = 79;

/** Lines that stay, and on a terminal one below them that is overwritten; in a pipe only the lines. */
export class LiveLine {
  readonly #output: Output;
  #shown = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** A line that stays. */
  line(text: string): void {
    this.clear();
    this.#output.line(text);
  }

  /** What is going on right now. */
  show(text: string): void {
    if (!this.#output.terminal) return;
    this.clear();
    this.#output.write(text.slice(0, LONGEST));
    this.#shown = true;
  }

  clear(): void {
    if (this.#shown) this.#output.write("\r\u001b[K");
    this.#shown = false;
  }
}
