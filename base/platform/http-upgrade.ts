import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { UpgradeExchange } from "#base/http/exchange.ts";
import { plainHeaders } from "./incoming-exchange.ts";
import { streamOf } from "./streams.ts";

export interface UpgradeRequest {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  /** What the client sent right behind its headers. */
  readonly head: Buffer;
}

/** Gives the raw stream to the handler, which answers on it. */
export function handOverUpgrade(request: UpgradeRequest, upgrade: UpgradeExchange, log: Log): void {
  const { message, socket, head } = request;
  if (!(socket instanceof Socket)) {
    socket.destroy();
    return;
  }
  if (head.length > 0) socket.unshift(head);
  const stream = streamOf(socket);
  const abort = new AbortController();
  socket.once("close", () => abort.abort(new CodedError("ABORTED", "the client went away")));
  const { method = "GET", url = "/" } = message;
  try {
    upgrade({ method, url, headers: plainHeaders(message), remote: stream.remote, signal: abort.signal }, stream);
  } catch (thrown) {
    log.error("switching protocols failed", { url, error: messageOf(thrown) });
    socket.destroy();
  }
}
