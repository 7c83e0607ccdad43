import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import type { ServerSet } from "#daemons/cluster/server-set.ts";
import { ASKED_NODE } from "#daemons/discovery/http/asked-node.ts";
import { answerOf, asksForWebSocket, passedHeaders, passOnWebSocket, unreachable } from "./pass-on.ts";

/** Bodies up to this size are kept, so that the request can go to another server. */
const MAX_KEPT_BYTES = 1024 * 1024;
const REPEATABLE: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/** Nomad's API as the servers answer it, whichever is there. */
export function nomadOfServers(set: ServerSet): Exchange {
  return async (request) => {
    try {
      if (asksForWebSocket(request)) {
        const { origin, tls, lost } = await set.place();
        return await passOnWebSocket(request, { origin: `${origin}/nomad`, tls, lost });
      }
      return await passOn(set, request, { path: `/nomad${request.url}`, headers: {} });
    } catch (thrown) {
      return unreachable("No cluster leader", thrown);
    }
  };
}

/** Consul's API as the servers answer it to whoever asks on `node`: its sessions are of that node, and near is near it. */
export function consulOfServers(set: ServerSet, node: string): Exchange {
  const name = encodeURIComponent(node);
  return async (request) => {
    const url = request.url.replace(OWN_PLACE, (_, near: string) => near + name);
    try {
      return await passOn(set, request, { path: `/consul${url}`, headers: { [ASKED_NODE]: name } });
    } catch (thrown) {
      return unreachable("No cluster leader", thrown);
    }
  };
}

const OWN_PLACE = /([?&]near=)_(?:agent|ip)(?=&|$)/;

interface Passing {
  readonly path: string;
  /** Sent too. */
  readonly headers: Readonly<Record<string, string>>;
}

async function passOn(set: ServerSet, request: ExchangeRequest, { path, headers }: Passing): Promise<ExchangeResponse> {
  const { method, signal } = request;
  const repeatable = REPEATABLE.includes(method);
  const body = repeatable ? undefined : await smallBody(request);
  const response = await set.request({
    path,
    method,
    headers: { ...passedHeaders(request), ...headers },
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
