import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import { BodyTooLarge } from "#base/http/exchange.ts";
import type { ExchangeResponse } from "#base/http/exchange.ts";
import type { IncomingExchange } from "./incoming-exchange.ts";

export interface Sending {
  readonly incoming: IncomingExchange;
  readonly response: ServerResponse;
  readonly limits: { readonly writeStallMs: number };
}

/** After an early answer: how much of a body nobody wants is still taken, and for how long, so that the client sees the answer. */
const LINGER_BYTES = 16 * 1024 * 1024;
const LINGER_MS = 2000;

export async function sendResponse(made: ExchangeResponse, sending: Sending): Promise<void> {
  const { response, incoming } = sending;
  if (response.destroyed) return;
  const { body } = made;
  const headers = outgoing(made.headers);
  const unread = incoming.bodyIsUnderWay;
  if (unread || incoming.bodyWasNotWanted) headers["connection"] = "close";
  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    response.writeHead(made.status, headers);
    response.flushHeaders();
    await sendStream(body, sending);
    return;
  }
  // RFC 9110 section 8.6: no length where there is no content.
  if (made.status !== 204) {
    headers["content-length"] = String(typeof body === "string" ? Buffer.byteLength(body) : body.length);
  }
  response.writeHead(made.status, headers);
  if (unread) {
    response.write(body);
    await linger(sending);
    response.end();
  } else response.end(body);
  if (response.writableLength > 0) watchForStall(sending);
}

function outgoing(headers: ExchangeResponse["headers"]): OutgoingHttpHeaders {
  const plain: OutgoingHttpHeaders = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) plain[name] = typeof value === "string" ? value : [...value];
  }
  return plain;
}

export interface Failing extends Sending {
  readonly log: Log;
}

/** What escaped the kit. The kit answers its own errors, so this is a limit of the listener or a fault of ours. */
export async function answerFailure(thrown: unknown, failing: Failing): Promise<void> {
  const { response, incoming, log } = failing;
  const gone = thrown instanceof CodedError && thrown.code === "ABORTED";
  if (!gone && !(thrown instanceof BodyTooLarge)) {
    log.error("request failed", { method: incoming.method, url: incoming.url, error: messageOf(thrown) });
  }
  if (response.headersSent || response.destroyed || gone) {
    // Too late for a status: a cut connection is the only way left to say that the answer is not whole.
    response.destroy();
    return;
  }
  const made =
    thrown instanceof BodyTooLarge
      ? { status: 413, text: `${thrown.message}: ${thrown.hint ?? ""}\n` }
      : { status: 500, text: "internal error; the agent's log says more\n" };
  await sendResponse(
    { status: made.status, headers: { "content-type": "text/plain; charset=utf-8" }, body: made.text },
    failing,
  ).catch(() => response.destroy());
}

async function sendStream(body: AsyncIterable<Uint8Array>, { response, limits }: Sending): Promise<void> {
  for await (const part of body) {
    if (response.destroyed) return;
    if (part.length > 0 && !response.write(part) && !(await drained(response, limits.writeStallMs))) return;
  }
  response.end();
}

/** False when the client left, or took nothing for `stallMs` and was dropped. */
function drained(response: ServerResponse, stallMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (fine: boolean): void => {
      clearTimeout(timer);
      response.off("drain", onDrain);
      response.off("close", onClose);
      resolve(fine);
    };
    const onDrain = (): void => settle(true);
    const onClose = (): void => settle(false);
    const timer = setTimeout(() => response.destroy(), stallMs);
    response.once("drain", onDrain);
    response.once("close", onClose);
  });
}

/** Drops a client that asked for an answer and does not read it. */
function watchForStall({ response, limits }: Sending): void {
  let left = response.writableLength;
  const timer = setInterval(() => {
    const now = response.writableLength;
    if (now >= left) response.destroy();
    left = now;
  }, limits.writeStallMs);
  timer.unref();
  response.once("close", () => clearInterval(timer));
}

/**
 * Closing a socket that holds unread bytes resets the connection, and the reset can overtake the answer
 * (RFC 9112 section 9.6). So the rest of the body is taken and dropped for a while.
 */
function linger({ response }: Sending): Promise<void> {
  const message = response.req;
  return new Promise((resolve) => {
    let size = 0;
    const done = (): void => {
      clearTimeout(timer);
      message.off("data", count);
      resolve();
    };
    const count = (part: Buffer): void => {
      size += part.length;
      if (size > LINGER_BYTES) done();
    };
    const timer = setTimeout(done, LINGER_MS);
    message.once("end", done);
    message.once("close", done);
    message.once("error", done);
    message.on("data", count);
    message.resume();
  });
}
