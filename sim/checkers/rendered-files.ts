import type { Checker } from "../checker.ts";

interface Written {
  readonly atMs: number;
  readonly life: number;
}

/** What template runners write: whole texts only, one for a window of quiet, and one command at a time. */
export class RenderedFiles implements Checker {
  readonly name = "rendered files";
  readonly #whole: RegExp;
  readonly #quietMs: number;
  readonly #last = new Map<string, Written>();
  readonly #running = new Map<string, number>();
  #violation: string | undefined;

  /** `whole` matches a text that holds every answer; `quietMs`: the least time between two writes of one life. */
  constructor(whole: RegExp, quietMs: number) {
    this.#whole = whole;
    this.#quietMs = quietMs;
  }

  /** A write begins; `atMs` on the runner's own clock, `again`: the one before failed. */
  written(who: string, text: string, { atMs, life, again }: Written & { readonly again: boolean }): void {
    if (!this.#whole.test(text)) this.#violation ??= `${who} writes a text with something missing: ${text}`;
    const last = this.#last.get(who);
    if (last !== undefined && last.life === life && !again && atMs - last.atMs < this.#quietMs - 1)
      this.#violation ??= `${who} writes twice within ${(atMs - last.atMs).toFixed(1)} ms`;
    this.#last.set(who, { atMs, life });
  }

  /** Of one life: what died with it does not count. */
  commandBegins(who: string): void {
    const running = (this.#running.get(who) ?? 0) + 1;
    this.#running.set(who, running);
    if (running > 1) this.#violation ??= `${who} runs ${running} commands at the same time`;
  }

  commandEnds(who: string): void {
    this.#running.set(who, (this.#running.get(who) ?? 0) - 1);
  }

  check(): string | undefined {
    return this.#violation;
  }
}
