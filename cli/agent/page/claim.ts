import { textOf } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import { isSameSecret } from "#base/env/same-secret.ts";

/** So many wrong codes, and nobody is heard for a while: eight digits take centuries then. */
const TRIES = 5;
const PAUSE_MS = 60_000;

export interface ClaimDeps {
  readonly env: Pick<Env, "clock" | "disk" | "log">;
  /** File with the code that the machine's screen shows; there until somebody typed it. */
  readonly codePath: string;
  /** File with the token that may do everything. */
  readonly tokenPath: string;
}

/** Hands the cluster's first token to whoever can read the screen of the machine that made it, once. */
export class Claim {
  readonly #deps: ClaimDeps;
  #wrong = 0;
  #closedUntilMs = 0;

  constructor(deps: ClaimDeps) {
    this.#deps = deps;
  }

  async isOpen(): Promise<boolean> {
    return (await this.#read(this.#deps.codePath)) !== "";
  }

  /** Fails with `claimed`, `too_many` or `wrong_code`. */
  async take(code: string): Promise<Result<string>> {
    const { env, codePath, tokenPath } = this.#deps;
    const nowMs = env.clock.monotonicMs();
    if (nowMs < this.#closedUntilMs) return fail("too_many", "too many wrong codes", "wait a minute");
    const wanted = await this.#read(codePath);
    if (wanted === "") return fail("claimed", "this cluster was taken over already, or was not made by this machine");
    if (!isSameSecret(code.replaceAll(/\s/g, ""), wanted)) {
      this.#wrong += 1;
      if (this.#wrong >= TRIES) {
        this.#wrong = 0;
        this.#closedUntilMs = nowMs + PAUSE_MS;
      }
      return fail("wrong_code", "the screen of the cluster's first machine shows another code");
    }
    const token = await this.#read(tokenPath);
    if (token === "") return fail("claimed", `there is no ${tokenPath} any more`);
    await env.disk.remove(codePath);
    env.log.warn("the cluster was taken over by the code on this machine's screen");
    return succeed(token);
  }

  async #read(path: string): Promise<string> {
    const bytes = await this.#deps.env.disk.read(path);
    return bytes === undefined ? "" : textOf(bytes).trim();
  }
}
