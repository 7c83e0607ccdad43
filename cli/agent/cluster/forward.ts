import type { Clock } from "#base/env/clock.ts";
import { sleep } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { HttpClient, HttpResponse } from "#base/env/http-client.ts";
import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import { answerOf, passedHeaders } from "../internal/pass-on.ts";
import type { PeerPlace } from "./peer-calls.ts";

/** Names the server that passed a request on, so that it is passed on once only. */
const FORWARDED = "x-lares-forwarded-by";
/** A change of leader fits in. */
const PATIENCE_MS = 5000;
const PAUSE_MS = 50;
/** Requests whose body is kept to be sent again. */
const MAX_BODY_BYTES = 8 << 20;

export interface ForwardDeps {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly selfId: string;
  readonly isLeader: () => boolean;
  /** Of the APIs. */
  readonly api: "nomad" | "consul";
  /** Sent along, where the request does not have them. */
  readonly headers: Readonly<Record<string, string>>;
  /** The leader's internal API; undefined: nobody leads just now. */
  readonly leader: () => PeerPlace | undefined;
}

/** Hands requests that only the leader can answer to the leader, whichever server got them. */
export function forwarding(exchange: Exchange, needsLeader: (request: ExchangeRequest) => boolean, deps: ForwardDeps) {
  return async (request: ExchangeRequest): Promise<ExchangeResponse> => {
    if (!needsLeader(request)) return exchange(request);
    const isSecond = request.headers[FORWARDED] !== undefined;
    if (deps.isLeader()) return exchange(request);
    if (isSecond) return refusal("this server does not lead any more; ask again");
    return passOn(exchange, request, deps);
  };
}

async function passOn(exchange: Exchange, request: ExchangeRequest, deps: ForwardDeps): Promise<ExchangeResponse> {
  const body = await collect(request.body);
  if (body === undefined) return { status: 413, headers: {}, body: "request body is too large to be passed on" };
  // Named one by one: what a request holds it makes when asked, which a spread would miss.
  const { method, url, headers, remote, peer, signal } = request;
  const again: ExchangeRequest = { method, url, headers, remote, peer, signal, body: once(body) };
  const deadline = deps.clock.monotonicMs() + PATIENCE_MS;
  let problem = "No cluster leader";
  while (deps.clock.monotonicMs() < deadline && !request.signal.aborted) {
    if (deps.isLeader()) return exchange(again);
    const leader = deps.leader();
    if (leader !== undefined) {
      try {
        const response = await send(leader, request, { body, deps });
        // It stepped down meanwhile, and did nothing.
        if (response.status !== 421) return answerOf(response, request.signal);
        response.abandon();
      } catch (thrown) {
        problem = `the leader at ${leader.origin} did not answer: ${messageOf(thrown)}`;
        // Whether a request that changes something was carried out is for its sender to find out.
        if (!isRefused(thrown)) return { status: 500, headers: {}, body: problem };
      }
    }
    await sleep(deps.clock, PAUSE_MS, request.signal);
  }
  return { status: 500, headers: {}, body: problem };
}

function send(
  { origin, tls }: PeerPlace,
  request: ExchangeRequest,
  { body, deps }: { readonly body: Uint8Array; readonly deps: ForwardDeps },
): Promise<HttpResponse> {
  const { method, url, signal } = request;
  return deps.http.request({
    url: `${origin}/${deps.api}${url}`,
    method,
    headers: { ...deps.headers, ...passedHeaders(request), [FORWARDED]: deps.selfId },
    body,
    signal,
    tls,
  });
}

function refusal(body: string): ExchangeResponse {
  return { status: 421, headers: {}, body };
}

/** Nothing was sent: it can be tried again. */
function isRefused(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ECONNREFUSED";
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

async function* once(body: Uint8Array): AsyncIterable<Uint8Array> {
  if (body.length > 0) yield body;
}
