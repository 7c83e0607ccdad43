import type { HttpRequestOptions, HttpResponse } from "./http-client.ts";

/** A WebSocket connection (RFC 6455): whole messages, in order, both ways. */
export interface WebSocketChannel {
  /**
   * Called with one message at a time; while a returned promise is pending no more are read, so that a slow taker slows
   * the sender. A rejection closes the connection. Another handler takes over with the next message, at once.
   * Before there is one nothing is read, so that the peer's good-bye is not seen either.
   */
  onMessage(handler: (data: Uint8Array) => void | Promise<void>): void;
  /**
   * Called once, when the connection is over, whoever ended it; at once when it already is. `code` and `reason` are the
   * peer's good-bye (RFC 6455 section 7.1.5); 1006: there was none.
   */
  onClose(handler: (code: number, reason: string) => void): void;
  /** A text message. Resolves when the system took the bytes, or the connection is over. */
  send(text: string): Promise<void>;
  /** A binary message. Resolves as `send` does. */
  sendBytes(data: Uint8Array): Promise<void>;
  /** Says good-bye (RFC 6455 section 7.4.1) and ends. Default 1000, normal. The reason is cut at 123 bytes. */
  close(code?: number, reason?: string): void;
}

export type WebSocketDialed =
  | { readonly kind: "open"; readonly channel: WebSocketChannel }
  /** The server answered like any other request. */
  | { readonly kind: "response"; readonly response: Pick<HttpResponse, "status" | "text"> };

/** Opens a connection to an `http://` or `https://` URL. Rejects with `HttpTransportError` when there was no answer. */
export type DialWebSocket = (options: Omit<HttpRequestOptions, "method" | "body">) => Promise<WebSocketDialed>;
