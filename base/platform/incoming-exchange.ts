import type { IncomingMessage, ServerResponse } from "node:http";
import { CodedError } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import { BodyTooLarge } from "#base/http/exchange.ts";
import type { ExchangeRequest, Parking, PeerCertificate } from "#base/http/exchange.ts";
import { peerCertificate } from "./listener-tls.ts";
import { plainHost } from "./streams.ts";

export interface IncomingOptions {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly limits: { readonly maxBodyBytes: number };
  /** The client sent `Expect: 100-continue` and waits. */
  readonly awaitsContinue: boolean;
  readonly parking?: Parking;
}

/** Node's request in the form the kit takes. Headers and signal are made when asked for: most requests need neither. */
export class IncomingExchange implements ExchangeRequest {
  readonly method: string;
  readonly url: string;
  readonly #options: IncomingOptions;
  #headers: Readonly<Record<string, string>> | undefined;
  #abort: AbortController | undefined;
  #aborted: string | undefined;
  #continueDue: boolean;
  readonly #onClose: () => void;

  constructor(options: IncomingOptions) {
    this.method = options.message.method ?? "GET";
    this.url = options.message.url ?? "/";
    this.#options = options;
    this.#continueDue = options.awaitsContinue;
    this.#onClose = () => {
      if (!options.response.writableFinished) this.abort("the client went away");
    };
    options.response.once("close", this.#onClose);
  }

  get parking(): Parking | undefined {
    return this.#options.parking;
  }

  /** Somebody else looks after the request from now on. */
  letGo(): void {
    this.#options.response.removeListener("close", this.#onClose);
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= plainHeaders(this.#options.message);
    return this.#headers;
  }

  get remote(): Address {
    const { socket } = this.#options.message;
    return { host: plainHost(socket.remoteAddress), port: socket.remotePort ?? 0 };
  }

  get peer(): PeerCertificate | undefined {
    return peerCertificate(this.#options.message.socket);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#aborted !== undefined) this.#abort.abort(new CodedError("ABORTED", this.#aborted));
    }
    return this.#abort.signal;
  }

  get body(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  /** True while the client still has body to send that it may send unasked. */
  get bodyIsUnderWay(): boolean {
    return !this.#options.message.complete && !this.#continueDue;
  }

  /** True when the client still waits to be told to send its body. */
  get bodyWasNotWanted(): boolean {
    return this.#continueDue;
  }

  abort(reason: string): void {
    this.#aborted ??= reason;
    this.#abort?.abort(new CodedError("ABORTED", this.#aborted));
  }

  /** Throws before a byte of a body is read that says itself how much too large it is. */
  refuseDeclaredSize(): void {
    const { message, limits } = this.#options;
    const declared = message.headers["content-length"];
    if (declared !== undefined && Number(declared) > limits.maxBodyBytes) throw new BodyTooLarge(limits.maxBodyBytes);
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    const { message, response, limits } = this.#options;
    if (this.#continueDue) {
      this.#continueDue = false;
      response.writeContinue();
    }
    let size = 0;
    try {
      // The message stays open when the reader stops early: its socket carries the answer.
      for await (const part of message.iterator({ destroyOnReturn: false })) {
        if (!(part instanceof Uint8Array)) continue;
        size += part.length;
        if (size > limits.maxBodyBytes) throw new BodyTooLarge(limits.maxBodyBytes);
        yield part;
      }
    } catch (thrown) {
      if (thrown instanceof BodyTooLarge) throw thrown;
      throw new CodedError("ABORTED", "the client went away in the middle of its request");
    }
  }
}

export function plainHeaders(message: IncomingMessage): Readonly<Record<string, string>> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (typeof value === "string") plain[name] = value;
    else if (value !== undefined) plain[name] = value.join(", ");
  }
  return plain;
}
