import type { Clock } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { SignedIdentity } from "#daemons/scheduler/link.ts";
import type { TemplateReader } from "#daemons/scheduler/client/templates/template-access.ts";

export interface ReaderTokenOptions {
  readonly clock: Clock;
  /** Rejects for a reader that is over. */
  readonly sign: (reader: TemplateReader) => Promise<SignedIdentity>;
}

interface Signed {
  readonly by: TemplateReader;
  readonly token: string;
  /** Later than this another one is signed; Infinity: never. */
  readonly freshUntilMs: number;
}

/** The token of a group of readers with equal rights: any living one's, renewed at half of its life. */
export class ReaderToken {
  readonly readers = new Set<TemplateReader>();
  readonly #options: ReaderTokenOptions;
  #signed: Signed | undefined;
  #signing: Promise<string> | undefined;

  constructor(options: ReaderTokenOptions) {
    this.#options = options;
  }

  /** The token to use now. Rejects when none of the readers can be signed for. */
  current(): Promise<string> {
    const signed = this.#signed;
    // An identity ends with its allocation: that of a reader who left is not used any more.
    if (signed !== undefined && this.readers.has(signed.by) && this.#options.clock.nowMs() < signed.freshUntilMs)
      return Promise.resolve(signed.token);
    this.#signing ??= this.#sign().finally(() => (this.#signing = undefined));
    return this.#signing;
  }

  async #sign(): Promise<string> {
    const { clock, sign } = this.#options;
    let problem = "no task is left that asks";
    for (const by of this.readers) {
      try {
        const { token, expiresMs } = await sign(by);
        const nowMs = clock.nowMs();
        this.#signed = { by, token, freshUntilMs: expiresMs === 0 ? Infinity : nowMs + (expiresMs - nowMs) / 2 };
        return token;
      } catch (thrown) {
        problem = messageOf(thrown);
      }
    }
    throw new Error(`the task's identity could not be signed: ${problem}`);
  }
}
