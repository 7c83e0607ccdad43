import { messageOf } from "#base/env/errors.ts";
import type { HttpResponse } from "#base/env/http-client.ts";
import type { TlsOptions } from "#base/env/net.ts";
import type { WebSocketChannel } from "#base/env/web-socket.ts";
import { textOf } from "#base/env/bytes.ts";
import type { ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import { dialWebSocket } from "#base/platform/web-socket-dial.ts";

/** Says that a request reached the node it concerns, so that it is not passed on again. */
export const PASSED_ON = "x-lares-passed-on";

/** Of one hop (RFC 9110 section 7.6.1), or made anew. */
const HOP_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "te",
  "host",
  "content-length",
  "expect",
  "proxy-connection",
]);

export interface Place {
  /** `https://host:port/prefix` */
  readonly origin: string;
  readonly tls: TlsOptions;
  /** Ends when the place does not answer any more. */
  readonly lost?: AbortSignal;
  /** Sent too. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What goes along to the next node. */
export function passedHeaders({ headers }: Pick<ExchangeRequest, "headers">): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !HOP_HEADERS.has(name) && !name.startsWith("sec-websocket-"));
  return Object.fromEntries(kept);
}

export function asksForWebSocket({ headers }: Pick<ExchangeRequest, "headers">): boolean {
  return headers["upgrade"]?.toLowerCase() === "websocket";
}

export function answerOf(response: HttpResponse, signal: AbortSignal): ExchangeResponse {
  const headers = Object.fromEntries(Object.entries(response.headers).filter(([name]) => !HOP_HEADERS.has(name)));
  return { status: response.status, headers, body: bodyOf(response, signal) };
}

/** A stream that its reader left is over: that is no failure. */
async function* bodyOf(response: HttpResponse, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* response.body;
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    response.abandon();
  }
}

export function unreachable(what: string, thrown: unknown): ExchangeResponse {
  const headers = { "content-type": "text/plain; charset=utf-8" };
  return { status: 500, headers, body: `${what}: ${messageOf(thrown)}\n` };
}

/** Both ends of a WebSocket become one. */
export async function passOnWebSocket(
  request: ExchangeRequest,
  { origin, tls, lost, headers }: Place,
): Promise<ExchangeResponse> {
  const { signal } = request;
  const dialled = await dialWebSocket({
    url: `${origin}${request.url}`,
    headers: { ...passedHeaders(request), ...headers },
    tls,
    signal: lost === undefined ? signal : AbortSignal.any([signal, lost]),
  });
  if (dialled.kind === "response") {
    const { status, text } = dialled.response;
    return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: await text() };
  }
  const { channel } = dialled;
  const end = (): void => channel.close(1001, "the other end went away");
  signal.addEventListener("abort", end, { once: true });
  lost?.addEventListener("abort", end, { once: true });
  return { status: 101, headers: {}, body: "", webSocket: (own) => join(own, channel) };
}

function join(one: WebSocketChannel, other: WebSocketChannel): void {
  connect(one, other);
  connect(other, one);
}

function connect(from: WebSocketChannel, to: WebSocketChannel): void {
  from.onMessage((data) => to.send(textOf(data)));
  // 1005 and 1006 are said by no one (RFC 6455 section 7.4.1): there was no good-bye.
  from.onClose((code, reason) => to.close(code === 1005 || code === 1006 ? 1001 : code, reason));
}
