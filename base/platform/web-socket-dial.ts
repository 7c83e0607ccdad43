import type { ClientOptions } from "ws";
import { HttpTransportError } from "#base/env/http-client.ts";
import type { DialWebSocket, WebSocketDialed } from "#base/env/web-socket.ts";
import { codeOf } from "./system-error.ts";
import { channelOf, MAX_MESSAGE_BYTES, TIMEOUTS } from "./web-socket.ts";

const TIMEOUT_MS = 60_000;
const MAX_REFUSAL_BYTES = 64 * 1024;

export const dialWebSocket: DialWebSocket = async (options) => {
  const { WebSocket } = await import("ws");
  const url = new URL(options.url);
  const target =
    options.socketPath === undefined
      ? options.url.replace(/^http/, "ws")
      : `ws+unix:${options.socketPath}:${url.pathname}${url.search}`;
  const socket = new WebSocket(target, clientOptions(options));
  return new Promise<WebSocketDialed>((resolve, reject) => {
    const abort = (): void => {
      reject(new HttpTransportError("ABORTED", `${options.url} was cancelled`));
      socket.terminate();
    };
    if (options.signal?.aborted === true) abort();
    options.signal?.addEventListener("abort", abort, { once: true });
    const settle = (): void => options.signal?.removeEventListener("abort", abort);
    socket.once("open", () => {
      settle();
      resolve({ kind: "open", channel: channelOf(socket) });
    });
    socket.once("unexpected-response", (_request, message) => {
      settle();
      const text = async (maxBytes = MAX_REFUSAL_BYTES): Promise<string> => {
        const parts: Buffer[] = [];
        for await (const part of message) {
          if (Buffer.isBuffer(part)) parts.push(part);
        }
        return Buffer.concat(parts).subarray(0, maxBytes).toString("utf8");
      };
      resolve({ kind: "response", response: { status: message.statusCode ?? 0, text } });
    });
    socket.once("error", (error) => {
      settle();
      const code = codeOf(error);
      reject(new HttpTransportError(code, `cannot open a WebSocket to ${options.url}: ${code} ${error.message}`));
    });
  });
};

function clientOptions({ headers, timeoutMs = TIMEOUT_MS, tls }: Parameters<DialWebSocket>[0]): ClientOptions {
  return {
    headers: { ...headers },
    maxPayload: MAX_MESSAGE_BYTES,
    ...TIMEOUTS,
    perMessageDeflate: false,
    ...(timeoutMs === 0 ? {} : { handshakeTimeout: timeoutMs }),
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: tls.key }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(tls?.verify === false ? { rejectUnauthorized: false } : {}),
  };
}
