import type { HttpClient } from "#base/env/http-client.ts";
import type { TlsOptions } from "#base/env/net.ts";
import { isAnswerTo, type Exchange, type Exchanger } from "./exchange.ts";

const MAX_MESSAGE_BYTES = 65_535;
const TIMEOUT_MS = 5000;

export interface HttpsTarget {
  readonly name: string;
  readonly path: string;
  readonly address: () => Promise<{ readonly host: string; readonly port: number } | undefined>;
  readonly tls?: TlsOptions;
}

/** Asks over HTTPS: a POST per question, over connections the HTTP client keeps (RFC 8484 §4.1). */
export class HttpsExchanger implements Exchanger {
  readonly #http: HttpClient;
  readonly #target: HttpsTarget;
  readonly #stopped = new AbortController();
  readonly #asking = new Map<Exchange, AbortController>();

  constructor(http: HttpClient, target: HttpsTarget) {
    this.#http = http;
    this.#target = target;
  }

  ask(exchange: Exchange): void {
    const given = new AbortController();
    const signal = AbortSignal.any([given.signal, this.#stopped.signal]);
    // RFC 8484 §4.1: zero, so that caches on the way may help; the connection is what cannot be guessed.
    exchange.message[0] = exchange.message[1] = 0;
    this.#asking.set(exchange, given);
    void this.#post(exchange, signal).then((answer) => {
      if (this.#asking.delete(exchange)) exchange.answered(answer);
    });
  }

  giveUp(exchange: Exchange): void {
    this.#asking.get(exchange)?.abort();
    this.#asking.delete(exchange);
  }

  close(): Promise<void> {
    this.#stopped.abort();
    return Promise.resolve();
  }

  async #post(exchange: Exchange, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { name, path, tls } = this.#target;
    try {
      const address = await this.#target.address();
      if (address === undefined) return undefined;
      const host = address.host.includes(":") ? `[${address.host}]` : address.host;
      const response = await this.#http.request({
        url: `https://${host}:${address.port}${path}`,
        method: "POST",
        headers: {
          host: address.port === 443 ? name : `${name}:${address.port}`,
          "content-type": "application/dns-message",
          accept: "application/dns-message",
        },
        body: exchange.message.slice(),
        timeoutMs: TIMEOUT_MS,
        signal,
        tls: { ...tls, serverName: name },
      });
      if (response.status !== 200 || response.headers["content-type"] !== "application/dns-message") {
        response.abandon();
        return undefined;
      }
      const answer = await response.bytes(MAX_MESSAGE_BYTES);
      return isAnswerTo(answer, exchange, false) ? answer : undefined;
    } catch {
      return undefined;
    }
  }
}
