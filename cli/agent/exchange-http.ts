import { concatBytes, textOf, utf8 } from "#base/env/bytes.ts";
import {
  HttpTransportError,
  type HttpClient,
  type HttpRequestOptions,
  type HttpResponse,
} from "#base/env/http-client.ts";
import type { Exchange, ExchangeResponse } from "#base/http/exchange.ts";

/** An API of this process as if it were asked over the network, without one. */
export function exchangeHttp(exchange: Exchange): HttpClient {
  const request = async (options: HttpRequestOptions): Promise<HttpResponse> => {
    const { url, method = "GET", headers = {}, body, signal } = options;
    const { pathname, search } = new URL(url);
    const own = new AbortController();
    const abort = (): void => own.abort();
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) own.abort();
    try {
      const answer = await exchange({
        method,
        url: `${pathname}${search}`,
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
        body: bytesOf(body),
        remote: { host: "127.0.0.1", port: 0 },
        signal: own.signal,
      });
      if (own.signal.aborted) throw new HttpTransportError("ABORTED", `${url} was cancelled`);
      return responseOf(answer);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  };
  return { request, upgrade: async (options) => ({ kind: "response", response: await request(options) }) };
}

async function* bytesOf(body: HttpRequestOptions["body"]): AsyncGenerator<Uint8Array> {
  if (body === undefined) return;
  if (typeof body === "string") yield utf8(body);
  else if (body instanceof Uint8Array) yield body;
  else yield* body;
}

function responseOf({ status, headers, body }: ExchangeResponse): HttpResponse {
  const stream = bytesOf(body);
  const bytes = async (): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    for await (const part of stream) parts.push(part);
    return concatBytes(parts);
  };
  return {
    status,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name.toLowerCase(),
        typeof value === "string" ? value : value.join(", "),
      ]),
    ),
    body: stream,
    bytes,
    text: async () => textOf(await bytes()),
    abandon: () => void stream.return(undefined),
  };
}
