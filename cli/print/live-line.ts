import type { Output } from "../command/command.ts";

/** Of a terminal that does not say how wide it is. */
const COLUMNS = 80;

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

  /** What is going on right now: cut to the terminal's width, as a line that wraps could not be taken back; `end` stays. */
  show(text: string, end = ""): void {
    if (!this.#output.terminal) return;
    this.clear();
    const room = Math.max(0, (this.#output.columns ?? COLUMNS) - 1 - end.length);
    const fits = text.length <= room;
    this.#output.write(`${fits ? text : `${text.slice(0, Math.max(0, room - 1))}…`}${end}`);
    this.#shown = true;
  }

  clear(): void {
    if (this.#shown) this.#output.write("\r\u001b[K");
    this.#shown = false;
  }
}
