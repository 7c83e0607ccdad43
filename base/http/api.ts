import { CodedError, messageOf } from "#base/env/errors.ts";
import { isAllowed, noAccess, openAccess, PERMISSION_DENIED, type Access } from "./access.ts";
import type { ApiOptions } from "./api-options.ts";
import { audited, isAudited, type AuditLog } from "./audit.ts";
import { limitBody, type BodySpec } from "./body.ts";
import { isForeignWrite } from "./cross-site.ts";
import { tokenOf } from "./dialect.ts";
import {
  BodyTooLarge,
  PARKED,
  type Exchange,
  type ExchangeRequest,
  type ExchangeResponse,
  type Parking,
} from "./exchange.ts";
import { HttpError } from "./http-error.ts";
import { openApi } from "./openapi.ts";
import { ParsedQueries } from "./parsed-queries.ts";
import { renderError } from "./render.ts";
import { renderReply, type Answering } from "./reply.ts";
import { route, type Method, type Route, type RouteRequest } from "./route.ts";
import { Router } from "./router.ts";
import { SharedReads } from "./shared-reads.ts";
import { parseTarget, type Target } from "./target.ts";

const MAX_BODY_BYTES = 1024 * 1024;

/** A handler of requests from a table of routes. Never rejects: whatever goes wrong is answered. */
export function createApi(options: ApiOptions): Exchange {
  const rows = [...options.routes, ...documentRoutes(options)];
  const router = new Router(rows);
  const queries = new Map(rows.map((row) => [row, row.query === undefined ? undefined : new ParsedQueries(row.query)]));
  const serving: Serving = {
    options,
    router,
    shared: new SharedReads(),
    queriesOf: (row) => queries.get(row),
  };
  const given = options.responseHeaders ?? {};
  const extra = Object.keys(given).length === 0 ? undefined : given;
  return async (request) => {
    const startMs = options.env.clock.monotonicMs();
    const response = await answer(serving, request).catch((thrown: unknown) => failed(serving, request, thrown));
    if (response === PARKED) return response;
    logAnswer(options, request, { status: response.status, startMs });
    return extra === undefined ? response : { ...response, headers: { ...extra, ...response.headers } };
  };
}

function documentRoutes({ document, routes, dialect }: ApiOptions): readonly Route[] {
  if (document === undefined) return [];
  const row: Route = route({
    method: "GET",
    path: "/v1/openapi.json",
    summary: "This document",
    access: { kind: "public" },
    handle: () => ({ kind: "json", value: openApi([...routes, row], { ...document, dialect }) }),
  });
  return [row];
}

interface Serving {
  readonly options: ApiOptions;
  readonly router: Router;
  readonly shared: SharedReads;
  queriesOf(row: Route): ParsedQueries | undefined;
}

async function answer(serving: Serving, exchange: ExchangeRequest): Promise<ExchangeResponse> {
  const { options, router } = serving;
  const target = parseTarget(exchange.url);
  const match = router.match(exchange.method, target.segments);
  if (match.kind === "missing") {
    throw new HttpError(404, `no endpoint ${exchange.method} ${target.path}; /v1/openapi.json lists what there is`);
  }
  if (match.kind === "method") return otherMethod(exchange.method, match.allow);
  if (isForeignWrite(exchange, options.allowedOrigins ?? [])) {
    throw new HttpError(403, "a page of another site may not write here: send the request without Origin, or allow it");
  }
  const region = target.query.get("region")?.[0] ?? "";
  if (options.region !== undefined && region !== "" && region !== options.region) {
    throw new HttpError(
      500,
      `No path to region: this is ${JSON.stringify(options.region)}, not ${JSON.stringify(region)}`,
    );
  }
  const { row, params } = match;
  const token = tokenOf(options.dialect, exchange.headers, target.query);
  const request = new Request(exchange, { method: match.method, target, params, token });
  const call: Call = { serving, exchange, row, request };
  if (options.audit === undefined || !isAudited(match.method)) {
    await checkAccess(call);
    await readInput(call);
    if (row.body === undefined) request.parking = exchange.parking;
    return respond(call);
  }
  return answerAudited(call, options.audit);
}

interface Call {
  readonly serving: Serving;
  readonly exchange: ExchangeRequest;
  readonly row: Route;
  readonly request: Request;
}

/** Throws a 403. */
async function checkAccess({ serving: { options }, row, request }: Call): Promise<void> {
  if (row.access.kind === "public") return;
  const known = await (options.access ?? openAccess)(request.token);
  if (!known.ok) throw new HttpError(403, known.error.message);
  request.access = known.value;
  if (!isAllowed(row.access, request.access, request)) throw new HttpError(403, PERMISSION_DENIED);
}

async function readInput({ serving, exchange, row, request }: Call): Promise<void> {
  request.query = serving.queriesOf(row)?.of(request.queryText, request.rawQuery) ?? {};
  request.body = row.body === undefined ? undefined : await readBody(row, row.body, exchange);
  request.isRead = true;
}

async function respond({ serving, row, request }: Call): Promise<ExchangeResponse> {
  const { parking } = request;
  const answering: Answering = { api: serving.options, row, request, parking, shared: serving.shared };
  return renderReply(await row.handle(request), answering);
}

function answerAudited(call: Call, log: AuditLog): Promise<ExchangeResponse> {
  const { serving, exchange, row, request } = call;
  const { env, dialect } = serving.options;
  const orFailed = (thrown: unknown): ExchangeResponse => failed(serving, exchange, thrown);
  const target = (): string | undefined =>
    row.target === undefined || !request.isRead ? undefined : row.target(request.body);
  const check = async (): Promise<undefined> => {
    await checkAccess(call);
    await readInput(call);
  };
  return audited(
    { api: dialect.name, env, log, exchange, request, target },
    () => check().catch(orFailed),
    () => respond(call).catch(orFailed),
  );
}

class Request implements RouteRequest {
  readonly method: Method;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly rawQuery: ReadonlyMap<string, readonly string[]>;
  readonly queryText: string;
  readonly token: string;
  access: Access = noAccess;
  isRead = false;
  parking: Parking | undefined;
  query: unknown;
  body: unknown;
  readonly #exchange: ExchangeRequest;

  constructor(
    exchange: ExchangeRequest,
    known: {
      readonly method: Method;
      readonly target: Target;
      readonly params: Readonly<Record<string, string>>;
      readonly token: string;
    },
  ) {
    this.#exchange = exchange;
    this.method = known.method;
    this.path = known.target.path;
    this.rawQuery = known.target.query;
    this.queryText = known.target.queryText;
    this.params = known.params;
    this.token = known.token;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#exchange.headers;
  }

  get peer(): RouteRequest["peer"] {
    return this.#exchange.peer;
  }

  get remote(): RouteRequest["remote"] {
    return this.#exchange.remote;
  }

  /** Made by the listener when somebody asks for it. */
  get signal(): AbortSignal {
    return this.#exchange.signal;
  }
}

async function readBody(row: Route, spec: BodySpec<unknown>, exchange: ExchangeRequest): Promise<unknown> {
  const maxBytes = row.maxBodyBytes ?? MAX_BODY_BYTES;
  return await spec.read(limitBody(exchange.body, { maxBytes, declared: exchange.headers["content-length"] }));
}

function otherMethod(method: string, allow: readonly string[]): ExchangeResponse {
  const headers = { Allow: allow.join(", ") };
  if (method === "OPTIONS") return { status: 204, headers, body: "" };
  return renderError(
    new HttpError(405, `method ${method} not allowed; this endpoint takes ${allow.join(", ")}`, headers),
  );
}

function failed(serving: Serving, request: ExchangeRequest, thrown: unknown): ExchangeResponse {
  if (thrown instanceof HttpError) return renderError(thrown);
  if (thrown instanceof BodyTooLarge) return renderError(new HttpError(413, `${thrown.message}; ${thrown.hint ?? ""}`));
  if (thrown instanceof CodedError && thrown.code === "ABORTED") return renderError(new HttpError(400, thrown.message));
  const explained = serving.options.explain?.(thrown);
  if (explained !== undefined) return renderError(explained);
  serving.options.env.log.error("request failed", {
    method: request.method,
    path: pathOf(request),
    error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown),
  });
  return renderError(new HttpError(500, messageOf(thrown)));
}

function logAnswer(
  { env }: ApiOptions,
  request: ExchangeRequest,
  { status, startMs }: { readonly status: number; readonly startMs: number },
): void {
  if (!env.log.enabled("debug")) return;
  const tookMs = Math.round((env.clock.monotonicMs() - startMs) * 1000) / 1000;
  env.log.debug("request", { method: request.method, path: pathOf(request), status, tookMs });
}

/** Without the query, which may hold a token. */
function pathOf(request: ExchangeRequest): string {
  return request.url.split("?", 1)[0] ?? "";
}
