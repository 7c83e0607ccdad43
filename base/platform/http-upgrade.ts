import { ServerResponse } from "node:http";
import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocketChannel } from "#base/env/web-socket.ts";
import type { Exchange, ExchangeResponse } from "#base/http/exchange.ts";
import type { Log } from "#base/env/log.ts";
import { IncomingExchange } from "./incoming-exchange.ts";
import { answerFailure, sendResponse } from "./outgoing-response.ts";
import { channelOf, MAX_MESSAGE_BYTES, TIMEOUTS } from "./web-socket.ts";

/** Asks to go on as a WebSocket; other protocols one could switch to are not spoken, and the request is answered as it is. */
export function wantsWebSocket(message: IncomingMessage): boolean {
  return message.headers.upgrade?.toLowerCase() === "websocket";
}

export interface UpgradeRequest {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  /** What the client sent right behind its headers. */
  readonly head: Buffer;
}

export interface UpgradeOptions {
  readonly exchange: Exchange;
  readonly log: Log;
  readonly limits: { readonly maxBodyBytes: number; readonly writeStallMs: number };
  /** The requests whose connections live. */
  readonly live: Set<IncomingExchange>;
  readonly sockets: Set<Socket>;
}

/** Lets the exchange answer; then either the connection goes on as a WebSocket, or that answer ends it. */
export async function serveUpgrade(request: UpgradeRequest, options: UpgradeOptions): Promise<void> {
  const { message, socket } = request;
  if (!(socket instanceof Socket)) {
    socket.destroy();
    return;
  }
  const { limits, log, live, sockets } = options;
  const response = new ServerResponse(message);
  response.assignSocket(socket);
  const incoming = new IncomingExchange({ message, response, limits, awaitsContinue: false });
  live.add(incoming);
  sockets.add(socket);
  socket.on("error", () => {});
  socket.once("close", () => {
    live.delete(incoming);
    sockets.delete(socket);
    incoming.abort("the client went away");
  });
  const sending = { incoming, response, limits, log };
  try {
    const made = await options.exchange(incoming);
    if (made.webSocket === undefined) await endWith(made, sending);
    else {
      response.detachSocket(socket);
      await goOn(request, made.webSocket);
    }
  } catch (thrown) {
    await answerFailure(thrown, sending);
    socket.destroySoon();
  }
}

async function endWith(made: ExchangeResponse, sending: Parameters<typeof sendResponse>[1]): Promise<void> {
  const { response } = sending;
  await sendResponse({ ...made, headers: { ...made.headers, connection: "close" } }, sending);
  const { socket } = response;
  if (socket !== null) response.once("finish", () => socket.destroySoon());
}

async function goOn({ message, socket, head }: UpgradeRequest, accept: (channel: WebSocketChannel) => void) {
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    ...TIMEOUTS,
  });
  server.handleUpgrade(message, socket, head, (webSocket) => accept(channelOf(webSocket)));
}
