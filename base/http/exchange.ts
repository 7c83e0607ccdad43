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
  /** What the client proved by a certificate; undefined: it showed none, or the connection is no TLS. */
  readonly peer?: PeerCertificate | undefined;
  /** Aborts when the client went away before the answer was sent, or when the listener closes. */
  readonly signal: AbortSignal;
  /** Where the listener can set requests aside; absent: the exchange waits itself. */
  readonly parking?: Parking | undefined;
}

/**
 * Requests that wait for minutes are set aside whole: what was parsed and promised for them goes, and they are asked
 * again. Only for requests without a body.
 */
export interface Parking {
  /** It was set aside once and has to be answered now. */
  readonly waited: boolean;
  /**
   * The exchange then resolves with {@link PARKED}, and is asked again once `wake` is called (in a later turn). `start`
   * returns what waits for that, or undefined where there is nothing to wait for: then the answer is false, and the
   * request goes on. `leave` is called with it when the client went away meanwhile.
   */
  park(waiting: {
    readonly start: (wake: () => void) => object | undefined;
    readonly leave: (waiting: object) => void;
  }): boolean;
}

export interface PeerCertificate {
  /** Why it is not to be trusted, in OpenSSL's words (`CERT_HAS_EXPIRED` …); empty: it is. */
  readonly problem: string;
  /** Its DNS names, as they stand there. */
  readonly names: readonly string[];
  /** In hexadecimal, upper case. */
  readonly serial: string;
}

export interface ExchangeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** A stream is sent chunked as it comes; it must end when the request's signal aborts. */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** The request's connection goes on as a WebSocket (RFC 9110 section 7.8), and this is called with it. */
  readonly webSocket?: (channel: WebSocketChannel) => void;
}

/** No answer: the request was set aside. */
export const PARKED: ExchangeResponse = { status: 0, headers: {}, body: "" };

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
