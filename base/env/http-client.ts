import type { Stream, TlsOptions } from "./net.ts";
export type { TlsOptions } from "./net.ts";

export interface HttpRequestOptions {
  /** `http://host:port/path?query` or `https://…`. With `socketPath` the host only fills the Host header. */
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>;
  /** A Unix socket to dial instead of the URL's host. */
  readonly socketPath?: string;
  /** Until the response's headers are there. Default 60 000; 0 waits for ever. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly tls?: TlsOptions;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; repeated headers joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Reads the rest, at most `maxBytes` (default 64 MiB), and rejects above that. */
  bytes(maxBytes?: number): Promise<Uint8Array>;
  text(maxBytes?: number): Promise<string>;
  /** Drops the connection; for a body nobody reads to its end. */
  abandon(): void;
}

/** Redirects are not followed. Rejects only when no response came: {@link HttpTransportError}. */
export interface HttpClient {
  request(options: HttpRequestOptions): Promise<HttpResponse>;
  /**
   * For a request whose headers ask to switch protocols (`Connection: Upgrade`): the raw stream when the server agreed,
   * its ordinary answer when not.
   */
  upgrade(options: HttpRequestOptions): Promise<HttpUpgrade>;
}

export type HttpUpgrade =
  | { readonly kind: "upgraded"; readonly status: number; readonly stream: Stream }
  | { readonly kind: "response"; readonly response: HttpResponse };

/** `code` is the system's (`ECONNREFUSED`, `ENOENT`, `ETIMEDOUT`, `EPROTO`…) or `ABORTED`. */
export class HttpTransportError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "HttpTransportError";
    this.code = code;
  }
}
