import * as v from "valibot";
import { sleep, type Clock } from "#base/env/clock.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import { refusalOf, type HttpApi } from "../sources/http-api.ts";

export interface LockSessionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly api: HttpApi;
  /** How long a leader that is gone keeps its locks; Consul allows 10 s to 24 h, and may take twice as long. */
  readonly ttlMs: number;
}

const TIMEOUT_MS = 10_000;
const CreatedSchema = v.object({ ID: v.string() });

/**
 * The Consul session that all locks of this process hang on (https://developer.hashicorp.com/consul/api-docs/session):
 * made when first asked for, renewed, made anew when it was lost, and destroyed with everything locked by it at the end.
 */
export class LockSession {
  readonly #options: LockSessionOptions;
  readonly #stop = new AbortController();
  #making: Promise<Result<string>> | undefined;
  #id: string | undefined;
  #renewing: Promise<void> = Promise.resolve();

  constructor(options: LockSessionOptions) {
    this.#options = options;
  }

  /** Undefined: there is none. */
  get current(): string | undefined {
    return this.#id;
  }

  ensure(): Promise<Result<string>> {
    this.#making ??= this.#make().then((made) => {
      if (!made.ok) this.#making = undefined;
      return made;
    });
    return this.#making;
  }

  /** The server does not know it any more: the next call of `ensure` makes another one. */
  lost(id: string): void {
    if (this.#id !== id) return;
    this.#id = undefined;
    this.#making = undefined;
  }

  async stop(): Promise<void> {
    await this.#making;
    this.#stop.abort();
    await this.#renewing;
    const id = this.#id;
    if (id === undefined) return;
    this.#id = undefined;
    await this.#put(`/v1/session/destroy/${id}`, undefined, new AbortController().signal);
  }

  async #make(): Promise<Result<string>> {
    const { ttlMs, log } = this.#options;
    const { signal } = this.#stop;
    const body = { Name: "lares template", TTL: `${Math.ceil(ttlMs / 1000)}s`, Behavior: "delete", LockDelay: "1ms" };
    const made = await this.#put("/v1/session/create", body, signal);
    if (!made.ok) return made;
    const read = v.safeParse(v.pipe(v.string(), v.parseJson(), CreatedSchema), made.value);
    if (!read.success) return fail("unexpected", "consul answered /v1/session/create with no session");
    this.#id = read.output.ID;
    log.debug("session for de-duplication", { session: this.#id });
    this.#renewing = this.#keep(this.#id, signal);
    return succeed(this.#id);
  }

  async #keep(id: string, signal: AbortSignal): Promise<void> {
    const { clock, ttlMs, log } = this.#options;
    for (;;) {
      await sleep(clock, ttlMs / 3, signal);
      if (signal.aborted || this.#id !== id) return;
      const renewed = await this.#put(`/v1/session/renew/${id}`, undefined, signal);
      if (renewed.ok || signal.aborted) continue;
      log.warn("cannot renew the session for de-duplication", { error: renewed.error.message });
      if (renewed.error.code === "missing") return this.lost(id);
    }
  }

  async #put(path: string, body: unknown, signal: AbortSignal): Promise<Result<string>> {
    const { api } = this.#options;
    const answer = await api.send({ method: "PUT", path, body, signal, timeoutMs: TIMEOUT_MS });
    if (!answer.ok) return answer;
    const { status, text } = answer.value;
    if (status >= 200 && status < 300) return succeed(text);
    return fail(status === 404 ? "missing" : "refused", refusalOf("consul", answer.value));
  }
}
