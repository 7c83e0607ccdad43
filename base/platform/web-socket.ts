import type { WebSocket } from "ws";
import type { WebSocketChannel } from "#base/env/web-socket.ts";

/** A message above this ends its connection (1009). */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** RFC 6455 section 5.5: a control frame holds 125 bytes, two of them are the code. */
const MAX_REASON_BYTES = 123;
const INTERNAL_ERROR = 1011;
const NO_GOODBYE = 1006;
/** A peer that does not answer our good-bye is cut off after this. The library's types do not know the option yet. */
export const TIMEOUTS = { closeTimeout: 5000 };

/** The library's connection as a {@link WebSocketChannel}. */
export function channelOf(socket: WebSocket): WebSocketChannel {
  // The library tells of a broken frame or connection here, and closes by itself.
  socket.on("error", () => {});
  const inbox = new Inbox(socket, () => close(INTERNAL_ERROR, "the message could not be taken"));
  socket.on("message", (data) => inbox.put(bytesOf(data)));
  const send = (data: string | Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      if (socket.readyState === socket.OPEN) socket.send(data, () => resolve());
      else resolve();
    });
  const close = (code = 1000, reason = ""): void => {
    socket.close(
      code,
      Buffer.from(reason)
        .subarray(0, MAX_REASON_BYTES)
        .toString("utf8")
        .replace(/\uFFFD$/, ""),
    );
    // A paused connection would not see the peer's answer.
    socket.resume();
  };
  return {
    onMessage: (handler) => inbox.handOverTo(handler),
    onClose(handler) {
      if (socket.readyState === socket.CLOSED) handler(NO_GOODBYE, "");
      else socket.once("close", (code, reason) => handler(code, reason.toString("utf8")));
    },
    send,
    sendBytes: send,
    close,
  };
}

type Taker = (data: Uint8Array) => void | Promise<void>;

/** Messages that were read and not yet taken: what was in the system's buffer when reading paused, no more. */
class Inbox {
  readonly #socket: WebSocket;
  readonly #failed: () => void;
  readonly #waiting: Uint8Array[] = [];
  #taker: Taker | undefined;
  /** The message that is being taken; undefined: none. */
  #pending: Promise<void> | undefined;

  constructor(socket: WebSocket, failed: () => void) {
    this.#socket = socket;
    this.#failed = failed;
    socket.pause();
  }

  handOverTo(taker: Taker): void {
    this.#taker = taker;
    this.#pending = undefined;
    this.#go();
  }

  put(message: Uint8Array): void {
    this.#waiting.push(message);
    this.#go();
  }

  #go(): void {
    while (this.#taker !== undefined && this.#pending === undefined) {
      const message = this.#waiting.shift();
      if (message === undefined) return this.#socket.resume();
      const taken = this.#taker(message);
      if (taken !== undefined) this.#await(taken);
    }
  }

  #await(taken: Promise<void>): void {
    this.#pending = taken;
    this.#socket.pause();
    const settle = (): void => {
      if (this.#pending !== taken) return;
      this.#pending = undefined;
      this.#go();
    };
    taken.then(settle, () => {
      this.#failed();
      settle();
    });
  }
}

function bytesOf(data: Buffer | ArrayBuffer | readonly Buffer[]): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return Buffer.isBuffer(data) ? data : Buffer.concat(data);
}
