import type { Buffer } from "node:buffer";
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { messageOf } from "#base/env/errors.ts";
import { EtcdError } from "#base/state/etcd/api.ts";
import { errorOf, lost } from "./grpc-status.ts";
import { frame, Unframer } from "./grpc-frames.ts";
import { tlsTrouble } from "./tls-trouble.ts";

/** What proves who both sides are; texts in PEM. */
export interface EtcdTls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name on the member's certificate, where it is not the address. */
  readonly serverName?: string;
}

/** A function where it changes: each new connection asks it. */
export type EtcdTlsSource = EtcdTls | (() => EtcdTls);

/** A connection that says nothing is asked whether it lives this often while something depends on it. */
const PING_EVERY_MS = 1500;
const PING_TIMEOUT_MS = 1500;
const CONNECT_TIMEOUT_MS = 2000;
/** Bytes in flight before the other side waits: a page of a large range. */
const WINDOW_BYTES = 16 << 20;

export interface GrpcStream {
  write(message: Uint8Array): void;
  cancel(): void;
}

export interface StreamHandlers {
  readonly onMessage: (message: Buffer) => void;
  /** Once; not after `cancel`. Undefined: the other side is done. */
  readonly onEnd: (error: EtcdError | undefined) => void;
}

/** One HTTP/2 connection to one member, made when first used; a dead one is never used again. */
export class GrpcConnection {
  readonly endpoint: string;
  readonly #session: ClientHttp2Session;
  #streams = 0;
  #isDead = false;
  /** What certificates had to do with its end. */
  #trouble: string | undefined;
  /** TLS is being agreed upon. */
  #isInHandshake: boolean;
  #pinger: NodeJS.Timeout | undefined;

  constructor(endpoint: string, source: EtcdTlsSource | undefined) {
    const tls = typeof source === "function" ? source() : source;
    this.endpoint = endpoint;
    this.#isInHandshake = tls !== undefined;
    this.#session = connect(endpoint, {
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
      ...(tls === undefined ? {} : { ca: tls.ca, minVersion: "TLSv1.2" as const }),
      ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls?.key === undefined ? {} : { key: tls.key }),
      ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    });
    const connecting = setTimeout(() => this.destroy(`no connection to ${endpoint} in time`), CONNECT_TIMEOUT_MS);
    this.#session.once("connect", () => {
      clearTimeout(connecting);
      this.#isInHandshake = false;
      // It may have been given up while it was being made.
      if (!this.#session.destroyed) this.#session.setLocalWindowSize(WINDOW_BYTES);
    });
    this.#session.on("goaway", () => (this.#isDead = true));
    this.#session.on("error", () => (this.#isDead = true));
    this.#session.once("close", () => {
      clearTimeout(connecting);
      clearTimeout(this.#pinger);
      this.#isDead = true;
    });
    this.#session.unref();
  }

  /** A session that ended in its handshake may tell nobody of its end. */
  get isDead(): boolean {
    return this.#isDead || this.#session.destroyed;
  }

  /** One question, one answer. Rejects with an {@link EtcdError}. */
  unary(path: string, message: Uint8Array, timeoutMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let answer: Buffer | undefined;
      const stream = this.#open(path, {
        timeoutMs,
        onMessage: (bytes) => (answer = bytes),
        onEnd: (error) => {
          clearTimeout(timer);
          if (error !== undefined || answer === undefined) reject(error ?? lost(`${this.endpoint} did not answer`));
          else resolve(answer);
        },
      });
      // Sent with the request too; this one is for a member that no longer hears.
      const timer = setTimeout(() => {
        stream?.close(constants.NGHTTP2_CANCEL);
        reject(lost(`${this.endpoint} did not answer in ${timeoutMs} ms`));
      }, timeoutMs);
      stream?.end(frame(message));
    });
  }

  stream(path: string, handlers: StreamHandlers): GrpcStream {
    let isOver = false;
    const stream = this.#open(path, {
      onMessage: (message) => isOver || handlers.onMessage(message),
      onEnd: (error) => {
        if (!isOver) handlers.onEnd(error);
        isOver = true;
      },
    });
    return {
      write: (message) => {
        if (stream?.writable === true) stream.write(frame(message));
      },
      cancel: () => {
        isOver = true;
        stream?.close(constants.NGHTTP2_CANCEL);
      },
    };
  }

  destroy(message: string): void {
    if (this.#isDead && this.#session.destroyed) return;
    this.#isDead = true;
    this.#session.destroy(new Error(message));
  }

  #open(
    path: string,
    { timeoutMs, onMessage, onEnd }: StreamHandlers & { readonly timeoutMs?: number },
  ): ClientHttp2Stream | undefined {
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
        // Etcd ends streams of a member that lost the others, instead of leaving them silent.
        hasleader: "true",
        ...(timeoutMs === undefined ? {} : { "grpc-timeout": `${Math.ceil(timeoutMs)}m` }),
      });
    } catch (thrown) {
      this.#isDead = true;
      queueMicrotask(() => onEnd(lost(`${this.endpoint}: ${this.#trouble ?? messageOf(thrown)}`)));
      return undefined;
    }
    this.#streams += 1;
    this.#watchOver();
    stream.once("error", (error) => (this.#trouble ??= tlsTrouble(error, this.#isInHandshake)));
    listen(stream, { endpoint: this.endpoint, trouble: () => this.#trouble, onMessage, onEnd });
    stream.once("close", () => {
      this.#streams -= 1;
      if (this.#streams === 0) clearTimeout(this.#pinger);
    });
    return stream;
  }

  /** Asks for a sign of life while an answer is awaited. */
  #watchOver(): void {
    if (this.#streams !== 1) return;
    this.#pinger = setTimeout(() => this.#ping(), PING_EVERY_MS).unref();
  }

  #ping(): void {
    if (this.#session.destroyed || this.#session.connecting) return;
    const overdue = setTimeout(() => this.destroy(`${this.endpoint} is silent`), PING_TIMEOUT_MS);
    const isSent = this.#session.ping((error) => {
      clearTimeout(overdue);
      if (error !== null || this.#streams === 0) return;
      clearTimeout(this.#pinger);
      this.#pinger = setTimeout(() => this.#ping(), PING_EVERY_MS).unref();
    });
    if (!isSent) clearTimeout(overdue);
  }
}

interface Listening extends StreamHandlers {
  readonly endpoint: string;
  readonly trouble: () => string | undefined;
}

function listen(stream: ClientHttp2Stream, { endpoint, trouble, onMessage, onEnd }: Listening): void {
  const unframer = new Unframer();
  let status: EtcdError | "ok" | undefined;
  let isOver = false;
  const end = (error: EtcdError | undefined): void => {
    if (!isOver) onEnd(error);
    isOver = true;
  };
  const take = (headers: Readonly<Record<string, unknown>>): void => {
    const code = headers["grpc-status"];
    if (code !== undefined) status = Number(code) === 0 ? "ok" : errorOf(Number(code), textOf(headers["grpc-message"]));
  };
  stream.on("response", (headers) => {
    take(headers);
    if (headers[":status"] !== 200) status ??= lost(`${endpoint} answered with HTTP status ${headers[":status"]}`);
  });
  stream.on("trailers", take);
  stream.on("data", (chunk: Buffer) => {
    try {
      for (const message of unframer.push(chunk)) onMessage(message);
    } catch (thrown) {
      status = new EtcdError("invalid", `${endpoint} sent what is no answer: ${messageOf(thrown)}`);
      stream.close(constants.NGHTTP2_CANCEL);
    }
  });
  stream.on("error", (thrown) => (status ??= lost(`${endpoint}: ${trouble() ?? messageOf(thrown)}`)));
  stream.once("close", () => {
    if (status === "ok") end(undefined);
    else end(status ?? lost(`the connection to ${endpoint} ended`));
  });
}

/** Percent-encoded by the protocol. */
function textOf(header: unknown): string {
  if (typeof header !== "string") return "";
  try {
    return decodeURIComponent(header);
  } catch {
    return header;
  }
}
