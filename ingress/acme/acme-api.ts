import type { KeyObject } from "node:crypto";
import * as v from "valibot";
import type { HttpClient, HttpResponse, TlsOptions } from "#base/env/http-client.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { signJws } from "./jws.ts";

export interface AcmeApiOptions {
  readonly http: HttpClient;
  /** `https://acme-v02.api.letsencrypt.org/directory`. */
  readonly directory: string;
  /** PEM of an authority that vouches for the server itself; undefined: the system's. */
  readonly tls?: TlsOptions | undefined;
  /** The account's, on P-256. */
  readonly key: KeyObject;
}

export interface AcmeAnswer {
  readonly body: string;
  readonly location: string;
  /** When to ask again, if the server says so; else 0. */
  readonly retryAfterMs: number;
}

const TIMEOUT_MS = 30_000;
const MAX_BODY = 1024 * 1024;
/** A nonce may be refused (RFC 8555 section 6.5); one that follows from the refusal is good. */
const TRIES = 10;
const MAX_NONCES = 16;

const DirectorySchema = v.object({ newNonce: v.string(), newAccount: v.string(), newOrder: v.string() });
const ProblemSchema = v.object({ type: v.optional(v.string(), ""), detail: v.optional(v.string(), "") });

type Directory = v.InferOutput<typeof DirectorySchema>;

/** Signed requests to one ACME server. Every failure says what the server said. */
export class AcmeApi {
  readonly #options: AcmeApiOptions;
  #directory: Directory | undefined;
  /** Each is good for one request; several may be under way. */
  readonly #nonces: string[] = [];
  /** Its address with the server, once it is known. */
  account = "";

  constructor(options: AcmeApiOptions) {
    this.#options = options;
  }

  /** The account's. */
  get key(): KeyObject {
    return this.#options.key;
  }

  async directory(): Promise<Result<Directory>> {
    if (this.#directory !== undefined) return succeed(this.#directory);
    const { directory } = this.#options;
    const answer = await this.#send(directory, { method: "GET" });
    if (!answer.ok) return answer;
    const read = v.safeParse(v.pipe(v.string(), v.parseJson(), DirectorySchema), answer.value.text);
    if (!read.success)
      return fail("acme_directory", `${directory} is no directory of an ACME server`, "look at its address");
    this.#directory = read.output;
    return succeed(read.output);
  }

  /** `payload` undefined: a read. */
  async post(url: string, payload: unknown): Promise<Result<AcmeAnswer>> {
    let last: Result<AcmeAnswer> = fail("acme_refused", `${url} was not asked`);
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const nonce = await this.#takeNonce();
      if (!nonce.ok) return nonce;
      const { key } = this.#options;
      const body = signJws({ url, nonce: nonce.value, key, account: this.account, payload });
      const answer = await this.#send(url, { method: "POST", body });
      if (!answer.ok) return answer;
      const { status, text, headers } = answer.value;
      if (status < 400)
        return succeed({
          body: text,
          location: headers["location"] ?? "",
          retryAfterMs: Math.min(600, Number(headers["retry-after"]) || 0) * 1000,
        });
      const read = v.safeParse(v.pipe(v.string(), v.parseJson(), ProblemSchema), text);
      const { type, detail } = read.success ? read.output : { type: "", detail: `status ${status}` };
      last = fail("acme_refused", `the ACME server refuses ${url}: ${detail} (${type})`);
      if (!type.endsWith(":badNonce")) return last;
    }
    return last;
  }

  async #takeNonce(): Promise<Result<string>> {
    const kept = this.#nonces.pop();
    if (kept !== undefined) return succeed(kept);
    const directory = await this.directory();
    if (!directory.ok) return directory;
    const answer = await this.#send(directory.value.newNonce, { method: "HEAD" });
    if (!answer.ok) return answer;
    const nonce = this.#nonces.pop();
    return nonce === undefined ? fail("acme_refused", "the ACME server gave no nonce") : succeed(nonce);
  }

  async #send(
    url: string,
    { method, body }: { readonly method: string; readonly body?: string },
  ): Promise<Result<{ readonly status: number; readonly text: string; readonly headers: HttpResponse["headers"] }>> {
    const { http, tls } = this.#options;
    try {
      const answer = await http.request({
        url,
        method,
        headers: { "user-agent": "lares", ...(body === undefined ? {} : { "content-type": "application/jose+json" }) },
        ...(body === undefined ? {} : { body }),
        ...(tls === undefined ? {} : { tls }),
        timeoutMs: TIMEOUT_MS,
      });
      const nonce = answer.headers["replay-nonce"];
      // The oldest goes: servers forget them.
      if (nonce !== undefined && this.#nonces.push(nonce) > MAX_NONCES) this.#nonces.shift();
      return succeed({ status: answer.status, text: await answer.text(MAX_BODY), headers: answer.headers });
    } catch (error) {
      return fail("acme_unreachable", `the ACME server cannot be reached: ${messageOf(error)}`, "it is tried again");
    }
  }
}
