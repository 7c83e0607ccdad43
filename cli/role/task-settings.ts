import { fail, succeed, type Failure, type Result } from "#base/env/errors.ts";

/** Reads the settings of a role from its task's variables; empty ones count as not set. What is wrong with any of them comes out at the end. */
export class TaskSettings {
  readonly #task: Readonly<Record<string, string>>;
  #wrong: Failure | undefined;

  constructor(task: Readonly<Record<string, string>>) {
    this.#task = task;
  }

  switch(name: string, otherwise: boolean): boolean {
    return this.word(name, { words: ["true", "false"], otherwise: otherwise ? "true" : "false" }) === "true";
  }

  word<const T extends string>(
    name: string,
    known: { readonly words: readonly T[]; readonly otherwise: NoInfer<T> },
  ): T {
    return this.words(name, known)[0] ?? known.otherwise;
  }

  /** Several, with commas between them. */
  words<const T extends string>(
    name: string,
    { words, otherwise }: { readonly words: readonly T[]; readonly otherwise: NoInfer<T> },
  ): readonly T[] {
    const written = this.#task[name] || otherwise;
    return written.split(",").flatMap((text) => {
      const found = words.find((word) => word === text.trim());
      if (found === undefined) this.#complain(name, `one of ${words.join(", ")}`);
      return found ?? [];
    });
  }

  /** A whole number, at least 1. */
  number(name: string, { otherwise, most }: { readonly otherwise: number; readonly most: number }): number {
    const written = this.#task[name] || String(otherwise);
    const number = /^\d{1,9}$/.test(written) ? Number(written) : 0;
    if (number < 1 || number > most) this.#complain(name, `a number from 1 to ${most}`);
    return number;
  }

  /** `value`, unless something was wrong. */
  checked<T>(value: T): Result<T> {
    return this.#wrong === undefined ? succeed(value) : { ok: false, error: this.#wrong };
  }

  #complain(name: string, expected: string): void {
    const message = `${name} must be ${expected}, got ${JSON.stringify(this.#task[name])}`;
    this.#wrong ??= fail("task_settings", message, "it stands in the task's env").error;
  }
}
