import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import type { ServerSet } from "#daemons/cluster/server-set.ts";
import { answerOf, asksForWebSocket, passedHeaders, passOnWebSocket, unreachable } from "./pass-on.ts";

/** Bodies up to this size are kept, so that the request can go to another server. */
const MAX_KEPT_BYTES = 1024 * 1024;
const REPEATABLE: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/** One of the public APIs as the servers answer it, whichever is there. */
export function passToServers(set: ServerSet, api: "nomad" | "consul"): Exchange {
  return async (request) => {
    try {
      if (asksForWebSocket(request)) {
        const { origin, tls, lost } = await set.place();
        return await passOnWebSocket(request, { origin: `${origin}/${api}`, tls, lost });
      }
      return await passOn(set, api, request);
    } catch (thrown) {
      return unreachable("No cluster leader", thrown);
    }
  };
}

async function passOn(set: ServerSet, api: string, request: ExchangeRequest): Promise<ExchangeResponse> {
  const { method, url, signal } = request;
  const repeatable = REPEATABLE.includes(method);
  const body = repeatable ? undefined : await smallBody(request);
  const response = await set.request({
    path: `/${api}${url}`,
    method,
    headers: passedHeaders(request),
    signal,
    // Blocking queries and streams: servers that fall silent are found out by other means.
    timeoutMs: 0,
    repeatable,
    ...(body === undefined ? {} : { body }),
  });
  return answerOf(response, signal);
}

/** Small ones as bytes, large ones as they come. */
async function smallBody({ body, headers }: ExchangeRequest): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  const declared = headers["content-length"];
  if (declared === undefined ? headers["transfer-encoding"] !== undefined : Number(declared) > MAX_KEPT_BYTES)
    return body;
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}
