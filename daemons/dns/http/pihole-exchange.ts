import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { fullAccess } from "#base/http/access.ts";
import { limitBody } from "#base/http/body.ts";
import { BodyTooLarge, type Exchange, type ExchangeRequest, type ExchangeResponse } from "#base/http/exchange.ts";
import { HttpError } from "#base/http/http-error.ts";
import { listKeys, parseQuery } from "#base/http/query.ts";
import type { Reply, Route, RouteRequest } from "#base/http/route.ts";
import { Router } from "#base/http/router.ts";
import { parseTarget } from "#base/http/target.ts";
import { isForeignWrite } from "#base/http/cross-site.ts";
import { ApiError } from "./api-error.ts";
import type { Gate } from "./gate.ts";

const MAX_BODY_BYTES = 1024 * 1024;

export interface PiholeExchangeOptions {
  readonly env: Pick<Env, "clock" | "log">;
  readonly routes: readonly Route[];
  readonly gate: Gate;
}

/** Pi-hole's API: answers are JSON with the time they took in `took`, errors are objects. Never rejects. */
export function createPiholeExchange({ env, routes, gate }: PiholeExchangeOptions): Exchange {
  const router = new Router(routes);
  return async (request) => {
    const startMs = env.clock.monotonicMs();
    const took = (): number => (env.clock.monotonicMs() - startMs) / 1000;
    try {
      return render(await answer({ router, gate }, request), took);
    } catch (thrown) {
      const error = explain(thrown);
      if (error === undefined)
        env.log.error("a request to the DNS API failed", { method: request.method, error: messageOf(thrown) });
      return renderError(error ?? new ApiError(500, "internal_error", { message: "Internal server error" }), took());
    }
  };
}

interface Answering {
  readonly router: Router;
  readonly gate: Gate;
}

async function answer({ router, gate }: Answering, exchange: ExchangeRequest): Promise<Reply> {
  const target = parseTarget(exchange.url);
  const segments =
    target.segments.at(-1) === "" && target.segments.length > 1 ? target.segments.slice(0, -1) : target.segments;
  const match = router.match(exchange.method, segments);
  if (match.kind === "missing")
    throw new ApiError(404, "not_found", { message: "Not found", hint: `there is nothing at ${target.path}` });
  if (match.kind === "method") {
    if (exchange.method === "OPTIONS")
      return { kind: "empty", status: 204, headers: { Allow: match.allow.join(", ") } };
    const hint = `this takes ${match.allow.join(", ")}`;
    throw new ApiError(405, "method_not_allowed", { message: "Method not allowed", hint });
  }
  if (isForeignWrite(exchange, []))
    throw new ApiError(403, "forbidden", { message: "Forbidden", hint: "a page of another site may not write here" });
  const { row, params, method } = match;
  const known = gate.identify(exchange, target.query);
  if (row.access.kind !== "public") gate.demand(known);
  const maxBytes = row.maxBodyBytes ?? MAX_BODY_BYTES;
  const request: RouteRequest<unknown, unknown> = {
    method,
    path: target.path,
    params,
    rawQuery: target.query,
    query: row.query === undefined ? {} : parseQuery(row.query, listKeys(row.query), target.query),
    body: await row.body?.read(limitBody(exchange.body, { maxBytes, declared: exchange.headers["content-length"] })),
    headers: exchange.headers,
    token: known.session?.sid ?? "",
    access: fullAccess,
    remote: exchange.remote,
    signal: exchange.signal,
  };
  return row.handle(request);
}

function render(reply: Reply, took: () => number): ExchangeResponse {
  switch (reply.kind) {
    case "json": {
      const { value, status = 200, headers = {} } = reply;
      const body =
        typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value, took: took() } : value;
      return { status, headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(body) };
    }
    case "bytes": {
      const headers = { ...SAFE_HEADERS, "Content-Type": reply.contentType, ...reply.headers };
      return { status: reply.status ?? 200, headers, body: reply.body };
    }
    case "stream": {
      const headers = { ...SAFE_HEADERS, "Content-Type": reply.contentType, ...reply.headers };
      return { status: reply.status ?? 200, headers, body: reply.body };
    }
    case "empty":
      return { status: reply.status, headers: { ...SAFE_HEADERS, ...reply.headers }, body: "" };
    default:
      throw new Error(`no route of this API answers with ${reply.kind}`);
  }
}

const SAFE_HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };
const JSON_HEADERS = { ...SAFE_HEADERS, "Content-Type": "application/json; charset=utf-8" };

function renderError({ status, key, message, hint }: ApiError, took: number): ExchangeResponse {
  return { status, headers: JSON_HEADERS, body: JSON.stringify({ error: { key, message, hint }, took }) };
}

/** Undefined: nobody expected it. */
function explain(thrown: unknown): ApiError | undefined {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof BodyTooLarge)
    return new ApiError(413, "body_too_large", { message: thrown.message, hint: thrown.hint ?? null });
  if (thrown instanceof HttpError) return new ApiError(thrown.status, "bad_request", { message: thrown.message });
  return undefined;
}
