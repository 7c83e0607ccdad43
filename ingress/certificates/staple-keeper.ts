import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, type Failure, type Result } from "#base/env/errors.ts";
import { ocspQuestion, readOcsp, type OcspAnswer, type OcspQuestion } from "./ocsp.ts";

export interface StapleKeeperOptions {
  readonly env: Env;
  /** Keeps what a responder said of the certificate of this name, base64, for all ingresses. */
  readonly put: (name: string, text: string) => Promise<void>;
  readonly onProblems: () => void;
}

interface Followed {
  readonly pem: string;
  readonly question: OcspQuestion | undefined;
}

const SOON_MS = 1000;
const AGAIN_MS = 10 * 60_000;
const LOOK_MS = 3_600_000;
const TIMEOUT_MS = 20_000;
const MAX_ANSWER = 64 * 1024;

/** Has responders say that certificates are good (OCSP), for HAProxy to staple: once for all ingresses, renewed at half of an answer's life. */
export class StapleKeeper {
  readonly #options: StapleKeeperOptions;
  readonly #stop = new AbortController();
  readonly #problems = new Map<string, Failure>();
  #certificates: ReadonlyMap<string, Followed> = new Map();
  #staples: ReadonlyMap<string, string> = new Map();
  readonly #notBeforeMs = new Map<string, number>();
  #timer: Timer | undefined;
  #working: Promise<void> | undefined;

  constructor(options: StapleKeeperOptions) {
    this.#options = options;
  }

  problems(): readonly Failure[] {
    return [...this.#problems.values()];
  }

  /** Certificates and what is known of them, by their names in the store. */
  follow(certificates: ReadonlyMap<string, string>, staples: ReadonlyMap<string, string>): void {
    const before = this.#certificates;
    this.#certificates = new Map(
      [...certificates].map(([name, pem]) => {
        const had = before.get(name);
        return [name, had?.pem === pem ? had : { pem, question: ocspQuestion(pem) }];
      }),
    );
    for (const name of this.#problems.keys()) if (!certificates.has(name)) this.#problems.delete(name);
    this.#staples = staples;
    // Of several ingresses one is first, and the others see what it got.
    this.#lookIn(SOON_MS * (1 + 4 * this.#options.env.random.float()));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    await this.#working;
  }

  #lookIn(delayMs: number): void {
    this.#timer?.cancel();
    const hasWork = [...this.#certificates.values()].some(({ question }) => question !== undefined);
    if (this.#stop.signal.aborted || !hasWork || this.#working !== undefined) return;
    this.#timer = this.#options.env.clock.after(delayMs, () => {
      this.#working = this.#look()
        .catch((error: unknown) => this.#options.env.log.warn("cannot look after staples", { error: messageOf(error) }))
        .then(() => {
          this.#working = undefined;
          this.#lookIn(LOOK_MS * (1 + this.#options.env.random.float()));
        });
    });
  }

  async #look(): Promise<void> {
    const { clock } = this.#options.env;
    for (const [name, { question }] of this.#certificates) {
      if (question === undefined || this.#stop.signal.aborted) continue;
      const nowMs = clock.nowMs();
      const known = readStaple(this.#staples.get(name) ?? "", question);
      if (known.ok && nowMs < (known.value.fromMs + known.value.untilMs) / 2) continue;
      if (nowMs < (this.#notBeforeMs.get(name) ?? 0)) continue;
      this.#notBeforeMs.set(name, nowMs + AGAIN_MS);
      const problem = await this.#renew(name, question);
      const had = this.#problems.get(name)?.message;
      if (problem === undefined) this.#problems.delete(name);
      else this.#problems.set(name, problem);
      if (had !== problem?.message) this.#options.onProblems();
    }
  }

  async #renew(name: string, question: OcspQuestion): Promise<Failure | undefined> {
    const { env, put } = this.#options;
    const problem = ({ code, message }: Failure): Failure => ({
      code,
      message: `the certificate ${JSON.stringify(name)}: ${message} (OCSP, ${question.url})`,
      hint: code === "ocsp_revoked" ? "get another one" : "it is served without a staple; asked again",
    });
    try {
      const answer = await env.http.request({
        url: question.url,
        method: "POST",
        headers: { "content-type": "application/ocsp-request", accept: "application/ocsp-response" },
        body: question.request,
        timeoutMs: TIMEOUT_MS,
        signal: this.#stop.signal,
      });
      const bytes = await answer.bytes(MAX_ANSWER);
      const read = readOcsp(bytes, question);
      if (!read.ok) return problem(read.error);
      await put(name, Buffer.from(bytes).toString("base64"));
      return undefined;
    } catch (error) {
      return problem({ code: "ocsp", message: `the responder cannot be asked: ${messageOf(error)}` });
    }
  }
}

/** What is stored about a certificate, if it is about it. */
export function readStaple(text: string, question: OcspQuestion): Result<OcspAnswer> {
  return /^[A-Za-z0-9+/=]{1,90000}$/.test(text)
    ? readOcsp(Buffer.from(text, "base64"), question)
    : fail("ocsp", "nothing is known of it");
}
