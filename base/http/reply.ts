import { utf8 } from "#base/env/bytes.ts";
import { visibleItems } from "./access.ts";
import type { ApiOptions } from "./api-options.ts";
import { readLocal, waitOf } from "./blocking.ts";
import { consistencyOf, singleServer } from "./consistency.ts";
import { PARKED, type ExchangeResponse, type Parking } from "./exchange.ts";
import { acceptsGzip } from "./gzip.ts";
import { HttpError } from "./http-error.ts";
import { filterOf, pageAsked, shapeList } from "./list-shape.ts";
import { LongList } from "./long-list.ts";
import { bodyOf, compressParts, writeLongList } from "./long-reply.ts";
import { contentHash, jsonText, renderBody, type Headers } from "./render.ts";
import { questionOf, type SharedAnswer, type SharedReads } from "./shared-reads.ts";
import type { LocalAnswer, LocalReply, Reply, Route, RouteRequest, StateAnswer } from "./route.ts";

const NO_WEB_SOCKET = "this endpoint speaks WebSocket: ask for it with Upgrade: websocket (RFC 6455)";

export interface Answering {
  readonly api: ApiOptions;
  readonly row: Route;
  readonly request: RouteRequest;
  readonly parking: Parking | undefined;
  readonly shared: SharedReads;
}

/** Turns what a handler answers into bytes. Rejects with an {@link HttpError}, or what the handler's `read` throws. */
export function renderReply(reply: Reply, answering: Answering): Promise<ExchangeResponse> | ExchangeResponse {
  switch (reply.kind) {
    case "state":
      return answerState(reply.read, answering);
    case "local":
      return answerLocal(reply, answering);
    case "json":
      return renderValue(reply.value, { ...answering, status: reply.status ?? 200, headers: headOf(reply, answering) });
    case "bytes": {
      const headers = { ...typed(reply.contentType), ...headOf(reply, answering) };
      return rendered(reply.body, { ...answering, status: reply.status ?? 200, headers });
    }
    case "empty":
      return { status: reply.status, headers: headOf(reply, answering), body: "" };
    case "stream": {
      const headers = { ...typed(reply.contentType), ...headOf(reply, answering) };
      const body = answering.request.method === "HEAD" ? "" : reply.body;
      return { status: reply.status ?? 200, headers, body };
    }
    case "webSocket":
      if (answering.request.headers["upgrade"]?.toLowerCase() !== "websocket") throw new HttpError(400, NO_WEB_SOCKET);
      return { status: 101, headers: headOf(reply, answering), body: "", webSocket: reply.accept };
    default:
      return reply satisfies never;
  }
}

interface Rendering extends Answering {
  readonly status: number;
  readonly headers: Headers;
}

async function answerState(read: () => StateAnswer, answering: Answering): Promise<ExchangeResponse> {
  const { api, request } = answering;
  const mode = consistencyOf(request.rawQuery);
  const wait = waitOf(api.dialect, request.rawQuery);
  if (mode !== "stale") await (api.consistency ?? singleServer).barrier(mode);
  if (wait.index === undefined) return respond(read(), answering, mode);
  const shared = await waitShared(answering, { index: Number(wait.index), waitMs: wait.waitMs, read });
  if (shared === undefined) return PARKED;
  const coding = acceptsGzip(request.headers["accept-encoding"]) ? "gzip" : "identity";
  const known = shared.responses.get(coding);
  if (known !== undefined) return { ...known, headers: { ...known.headers, ...freshnessHeaders(answering, mode) } };
  if (shared.answer.value instanceof LongList && !shared.answer.value.isShort) {
    const long = await (shared.long.get(coding) ?? keep(shared.long, coding, respond(shared.answer, answering, mode)));
    return { ...long, headers: { ...long.headers, ...freshnessHeaders(answering, mode) } };
  }
  const response = await respond(shared.answer, answering, mode);
  if (typeof response.body !== "string" && !(response.body instanceof Uint8Array)) return response;
  const body = typeof response.body === "string" ? utf8(response.body) : response.body;
  shared.responses.set(coding, { ...response, body });
  return { ...response, body };
}

interface StateWait {
  readonly index: number;
  readonly waitMs: number;
  readonly read: () => StateAnswer;
}

/** Undefined: the request was set aside, and its question is all that is kept of it. */
function waitShared(
  answering: Answering,
  { index, waitMs, read }: StateWait,
): Promise<SharedAnswer> | SharedAnswer | undefined {
  const { api, row, request, parking, shared } = answering;
  const { blocking } = api;
  const query = { index, waitMs, tables: row.tables, read: lookAgain(answering, read) };
  if (parking === undefined || blocking.wait === undefined) return blocking.run({ ...query, signal: request.signal });
  const first = shared.read(questionOf(request), blocking.version?.(), read);
  if (parking.waited || first.index > index) return first;
  const isParked = parking.park({
    start: (wake) => blocking.wait?.(query, wake),
    leave: (waiting) => blocking.leave?.(waiting),
  });
  return isParked ? undefined : first;
}

/** Apart from all else: it is what stays of a request that was set aside. */
function lookAgain({ api: { blocking }, request, shared }: Answering, read: () => StateAnswer): () => SharedAnswer {
  const question = questionOf(request);
  return () => shared.read(question, blocking.version?.(), read);
}

/** While it is being written, others get the same. */
function keep<V>(known: Map<string, Promise<V>>, coding: string, value: Promise<V> | V): Promise<V> {
  const promised = Promise.resolve(value);
  known.set(coding, promised);
  return promised;
}

function respond(
  answer: StateAnswer,
  answering: Answering,
  mode: string,
): Promise<ExchangeResponse> | ExchangeResponse {
  const { api } = answering;
  const headers = { ...freshnessHeaders(answering, mode), ...answer.headers };
  headers[api.dialect.indexHeader] = String(Math.max(1, answer.index));
  if (answer.value === undefined) throw new HttpError(404, answer.missing ?? "not found", headers);
  if (answer.value instanceof LongList) {
    const rendering = { ...answering, status: 200, headers };
    return answer.value.isShort ? renderValue(answer.value.all(), rendering) : renderLong(answer.value, rendering);
  }
  if (answer.contentType === undefined) return renderValue(answer.value, { ...answering, status: 200, headers });
  return rendered(rawBody(answer.value), {
    ...answering,
    status: 200,
    headers: { ...typed(answer.contentType), ...headers },
  });
}

async function answerLocal(reply: LocalReply, answering: Answering): Promise<ExchangeResponse> {
  const { api, request } = answering;
  const { clock, random } = api.env;
  const wait = waitOf(api.dialect, request.rawQuery);
  const signal = request.signal;
  const answer = await readLocal(reply, { clock, random, wait, signal, hashOf });
  const headers: Headers = { ...answer.headers };
  if (answer.index !== undefined) headers[api.dialect.indexHeader] = answer.index;
  const hashHeader = api.dialect.contentHashHeader;
  if (hashHeader !== undefined && answer.index === undefined) headers[hashHeader] = hashOf(answer);
  if (answer.value === undefined) throw new HttpError(404, answer.missing ?? "not found", headers);
  return renderValue(answer.value, { ...answering, status: 200, headers });
}

function hashOf(answer: LocalAnswer): string {
  return answer.hash ?? contentHash(answer.value);
}

function freshnessHeaders({ api }: Answering, mode: string): Headers {
  const { dialect, consistency = singleServer } = api;
  const { knownLeader, lastContactMs } = consistency.freshness();
  const headers: Headers = {
    [dialect.knownLeaderHeader]: String(knownLeader),
    [dialect.lastContactHeader]: String(Math.round(lastContactMs)),
  };
  // Consul calls its default mode "leader" here.
  if (dialect.consistencyHeader !== undefined)
    headers[dialect.consistencyHeader] = mode === "default" ? "leader" : mode;
  return headers;
}

function renderValue(value: unknown, rendering: Rendering): ExchangeResponse {
  const { api, row, request, headers } = rendering;
  const query = request.rawQuery;
  const each = eachOf(row);
  const seen = each === undefined ? value : visibleItems(value, each, request.access);
  const shaped = shapeList(row, seen, { query, compile: api.compileFilter });
  if (shaped.nextToken !== undefined) headers[api.dialect.nextTokenHeader] = shaped.nextToken;
  headers["Content-Type"] ??= "application/json";
  return rendered(jsonText(shaped.value, isPretty(request)), rendering);
}

/** Over several turns, so that nobody waits for a list of a hundred thousand. */
async function renderLong(
  list: LongList,
  { api, row, request, headers, status }: Rendering,
): Promise<ExchangeResponse> {
  const { clock } = api.env;
  const matches = row.filter === undefined ? undefined : filterOf(request.rawQuery, api.compileFilter);
  const { parts, nextToken } = await writeLongList({
    list,
    clock,
    access: request.access,
    each: eachOf(row),
    matches,
    page: pageAsked(row.pageKey === undefined ? undefined : (item) => row.pageKey?.(item) ?? "", request.rawQuery),
    pretty: isPretty(request),
  });
  if (nextToken !== undefined) headers[api.dialect.nextTokenHeader] = nextToken;
  headers["Content-Type"] ??= "application/json";
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return rendered(first, { api, request, headers, status });
  headers["Vary"] = "Accept-Encoding";
  if (!acceptsGzip(request.headers["accept-encoding"])) return { status, headers, body: bodyOf(parts) };
  headers["Content-Encoding"] = "gzip";
  return { status, headers, body: bodyOf(await compressParts(parts, clock)) };
}

function eachOf({ access }: Route) {
  return access.kind === "capability" ? access.each : undefined;
}

function isPretty({ rawQuery }: RouteRequest): boolean {
  const pretty = rawQuery.get("pretty")?.[0];
  return pretty !== undefined && pretty !== "false";
}

function rendered(
  body: string | Uint8Array,
  { api, request, status, headers }: Pick<Rendering, "api" | "request" | "status" | "headers">,
): ExchangeResponse {
  return renderBody(body, { status, headers, accepts: request.headers["accept-encoding"], clock: api.env.clock });
}

function rawBody(value: unknown): string | Uint8Array {
  return typeof value === "string" || value instanceof Uint8Array ? value : jsonText(value, false);
}

function headOf(
  reply: { readonly headers?: Readonly<Record<string, string>>; readonly index?: number },
  { api }: Answering,
): Headers {
  const headers: Headers = { ...reply.headers };
  if (reply.index !== undefined) headers[api.dialect.indexHeader] = String(Math.max(1, reply.index));
  return headers;
}

/** What a browser must not take for something else. */
function typed(contentType: string): Headers {
  return { "Content-Type": contentType, "X-Content-Type-Options": "nosniff" };
}
