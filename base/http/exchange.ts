import { CodedError } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import type { WebSocketChannel } from "#base/env/web-socket.ts";

/**
 * What a listener hands to the kit for one request, and gets back: the kit knows no sockets, the listener no routes.
 * A real listener lives in `base/platform/`, a simulated one in `sim/`.
 */
export type Exchange = (request: ExchangeRequest) => Promise<ExchangeResponse>;

export interface ExchangeRequest {
  readonly method: string;
  /** The request target as it came: path and query, undecoded. */
  readonly url: string;
  /** Lower-case names; repeated headers joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Ends early with a {@link BodyTooLarge} above the listener's limit, and with a `CodedError` `ABORTED` when the client
   * left. What is not read is dropped by the listener.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Empty host, port 0 on a Unix socket. */
  readonly remote: Address;
  /** Aborts when the client went away before the answer was sent, or when the listener closes. */
  readonly signal: AbortSignal;
}

export interface ExchangeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** A stream is sent chunked as it comes; it must end when the request's signal aborts. */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** The request's connection goes on as a WebSocket (RFC 9110 section 7.8), and this is called with it. */
  readonly webSocket?: (channel: WebSocketChannel) => void;
}

export class BodyTooLarge extends CodedError {
  readonly limitBytes: number;
  constructor(limitBytes: number) {
    super(
      "BODY_TOO_LARGE",
      `request body is larger than the ${limitBytes} bytes accepted here`,
      "send less at once, or raise the limit",
    );
    this.name = "BodyTooLarge";
    this.limitBytes = limitBytes;
  }
}
