import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { sleep, type Clock } from "#base/env/clock.ts";
import type { Disk } from "#base/env/disk.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { RetryPolicy } from "../../engine/retry.ts";
import { Attempts } from "../attempts.ts";
import { pause } from "./pause.ts";
import { readBody, type VaultApi } from "./vault-api.ts";

export interface VaultTokenOptions {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Log;
  readonly retry: RetryPolicy;
  readonly token: string;
  /** A file somebody else keeps the token in; wins over `token`. Empty: none. */
  readonly tokenFile: string;
  readonly unwrap: boolean;
  readonly renew: boolean;
  /** A login by a service account of Kubernetes; undefined: none. */
  readonly login: { readonly path: string; readonly role: string; readonly jwt: () => Promise<string> } | undefined;
}

const FILE_POLL_MS = 2000;
const AuthSchema = v.object({
  auth: v.object({
    client_token: v.string(),
    lease_duration: v.nullish(v.number(), 0),
    renewable: v.nullish(v.boolean(), false),
  }),
});
const SelfSchema = v.object({
  data: v.object({ ttl: v.nullish(v.number(), 0), renewable: v.nullish(v.boolean(), false) }),
});
const WrappedSchema = v.object({ token: v.string() });

/** Vault's token: found, unwrapped and renewed. */
export class VaultToken {
  readonly #options: VaultTokenOptions;
  readonly #stop = new AbortController();
  #value = "";
  #ready: Promise<Result<void>> | undefined;
  readonly #running: Promise<void>[] = [];

  constructor(options: VaultTokenOptions) {
    this.#options = options;
  }

  /** Empty until there is one. */
  get current(): string {
    return this.#value;
  }

  /** The first call finds the token; after a failure the next call tries again. */
  ready(signal: AbortSignal): Promise<Result<void>> {
    this.#ready ??= this.#find(signal).then((found) => {
      if (!found.ok) this.#ready = undefined;
      return found;
    });
    return this.#ready;
  }

  /** Before anything is asked: what talks to the server with this token. */
  use(api: VaultApi): this {
    this.#api = api;
    return this;
  }
  #api: VaultApi | undefined;

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #find(signal: AbortSignal): Promise<Result<void>> {
    const { token, tokenFile, unwrap, renew, login } = this.#options;
    if (this.#api === undefined) return fail("no_api", "vault is not configured");
    if (tokenFile !== "") {
      const read = await this.#readFile();
      if (!read.ok) return read;
      this.#running.push(this.#followFile());
    } else this.#value = plainToken(token);
    if (login !== undefined && this.#value === "") {
      const jwt = await login.jwt();
      const taken = this.#take(await this.#api.put(login.path, { role: login.role, jwt }, signal));
      if (!taken.ok) return taken;
    }
    if (unwrap) {
      const taken = this.#take(await this.#api.put("sys/wrapping/unwrap", {}, signal));
      if (!taken.ok) return fail(taken.error.code, `the vault token cannot be unwrapped: ${taken.error.message}`);
    }
    if (renew && this.#value !== "") this.#running.push(this.#renewal());
    return succeed(undefined);
  }

  #take(answer: Result<string>): Result<void> {
    const read = answer.ok ? readBody(answer.value, AuthSchema) : answer;
    if (!read.ok) return read;
    this.#value = read.value.auth.client_token;
    return succeed(undefined);
  }

  async #readFile(): Promise<Result<void>> {
    const { disk, tokenFile } = this.#options;
    const bytes = await disk.read(tokenFile);
    if (bytes === undefined) return fail("no_token", `there is no vault token file ${tokenFile}`);
    this.#value = plainToken(textOf(bytes));
    return succeed(undefined);
  }

  async #followFile(): Promise<void> {
    const { clock, log, tokenFile } = this.#options;
    for (;;) {
      await sleep(clock, FILE_POLL_MS, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      const before = this.#value;
      const read = await this.#readFile().catch((thrown: unknown) => fail("no_token", String(thrown)));
      if (!read.ok) log.warn("cannot read the vault token", { error: read.error.message });
      else if (before !== this.#value) log.info("the vault token changed", { file: tokenFile });
    }
  }

  /** Renews at half the token's life, for as long as it can be renewed. */
  async #renewal(): Promise<void> {
    const { clock, log, retry } = this.#options;
    const { signal } = this.#stop;
    const attempts = new Attempts({ ...retry, enabled: true, attempts: 0 });
    let leftMs = await this.#life(signal);
    while (leftMs > 0 && !signal.aborted) {
      await pause(clock, leftMs / 2, signal);
      if (signal.aborted) return;
      const answer = await this.#api?.put("auth/token/renew-self", {}, signal);
      const read = answer?.ok === true ? readBody(answer.value, AuthSchema) : answer;
      if (signal.aborted) return;
      if (read?.ok === true) {
        attempts.succeeded();
        log.debug("the vault token was renewed");
        leftMs = read.value.auth.renewable ? read.value.auth.lease_duration * 1000 : 0;
        if (leftMs <= 0) log.warn("the vault token cannot be renewed any more and will end");
        continue;
      }
      const message = read?.error.message ?? "";
      log.error("the vault token cannot be renewed", { error: message });
      if (/permission denied|not renewable/i.test(message)) return;
      leftMs = 2 * (attempts.failed() ?? 0);
    }
  }

  /** 0: it does not end, or cannot be renewed. */
  async #life(signal: AbortSignal): Promise<number> {
    const attempts = new Attempts({ ...this.#options.retry, enabled: true, attempts: 0 });
    while (!signal.aborted) {
      const answer = await this.#api?.get("auth/token/lookup-self", {}, signal);
      const read = answer?.ok === true ? readBody(answer.value, SelfSchema) : answer;
      if (read?.ok === true) return read.value.data.renewable ? read.value.data.ttl * 1000 : 0;
      if (/40[03]|permission denied/.test(read?.error.message ?? "")) return 0;
      await pause(this.#options.clock, attempts.failed() ?? 0, signal);
    }
    return 0;
  }
}

/** Some keep the whole answer of a wrapping instead of its token. */
function plainToken(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith("{")) return trimmed;
  const read = readBody(trimmed, WrappedSchema);
  return read.ok ? read.value.token : trimmed;
}
