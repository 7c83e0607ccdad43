import * as v from "valibot";
import { queryFlag, queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { SqlRow } from "#base/env/sql.ts";
import { numberAt, textAt, type LongTerm } from "../log/long-term.ts";
import { BLOCKED } from "../log/sql-filter.ts";
import { QUERY_STATUS } from "../query-record.ts";
import { IDS_PER_MS } from "../log/logged-query.ts";
import type { ApiDeps } from "./api-deps.ts";
import { badRequest, ApiError } from "./api-error.ts";
import { nameOf } from "./client-names.ts";
import { typeCounts } from "./pihole-names.ts";
import { countOf, placeOf } from "./stats-routes.ts";

const second = v.pipe(
  v.string("from and until are seconds since the epoch"),
  v.transform(Number),
  v.number("expected seconds since the epoch"),
  v.minValue(0),
);
const SpanSchema = v.object({ from: second, until: second });
const TopSpanSchema = v.object({ ...SpanSchema.entries, blocked: v.optional(queryFlag, "false"), count: queryInteger });

interface Span {
  readonly from: number;
  readonly until: number;
}

/** Any span of time, from the database. What was asked in the last half minute may not be in it yet. */
export function statsDatabaseRoutes(deps: ApiDeps): Route[] {
  const over = <S extends v.GenericSchema<unknown, Span>>(
    path: string,
    schema: S,
    value: (store: LongTerm, query: v.InferOutput<S>) => Promise<unknown>,
  ): Route =>
    route({
      method: "GET",
      path,
      summary: "Over any span of time",
      access: { kind: "any-token" },
      query: schema,
      handle: async ({ query }) => ({ kind: "json", value: await value(storeOf(deps), query) }),
    });
  return [
    over("/api/stats/database/summary", SpanSchema, summary),
    over("/api/stats/database/query_types", SpanSchema, async (store, query) => ({
      types: typeCounts(
        pairs(await store.grouped({ select: "q.type, COUNT(*)", tail: "GROUP BY q.type" }, spanOf(query))),
      ),
    })),
    over("/api/stats/database/upstreams", SpanSchema, upstreams),
    over("/api/stats/database/top_domains", TopSpanSchema, async (store, query) => {
      const rows = await top(store, "n.text", query);
      const domains = rows.map((row) => ({ domain: textAt(row, 0), count: numberAt(row, 1) }));
      return { domains, ...(await totals(store, query)) };
    }),
    over("/api/stats/database/top_clients", TopSpanSchema, async (store, query) => {
      const rows = await top(store, "c.text", query);
      const clients = rows.map((row) => {
        const ip = textAt(row, 0);
        return { ip, name: nameOf(deps, ip), count: numberAt(row, 1) };
      });
      return { clients, ...(await totals(store, query)) };
    }),
    over("/api/history/database", SpanSchema, history),
    over("/api/history/database/clients", SpanSchema, (store, query) => clientHistory(deps, store, query)),
  ];
}

function storeOf({ log }: ApiDeps): LongTerm {
  if (log.longTerm === undefined)
    throw new ApiError(503, "database_not_available", { message: "there is no long-term database", hint: null });
  return log.longTerm;
}

function spanOf({ from, until }: Span): { readonly fromMs: number; readonly untilMs: number } {
  if (until < from) throw badRequest("until is before from");
  return { fromMs: from * 1000, untilMs: until * 1000 };
}

const SUMS = `COUNT(*), COALESCE(SUM(${BLOCKED}), 0)`;

async function totals(store: LongTerm, span: Span) {
  const [row] = await store.grouped({ select: SUMS, tail: "" }, spanOf(span));
  return { total_queries: numberAt(row, 0), blocked_queries: numberAt(row, 1) };
}

async function summary(store: LongTerm, span: Span) {
  const [row] = await store.grouped({ select: `${SUMS}, COUNT(DISTINCT q.client)`, tail: "" }, spanOf(span));
  const total = numberAt(row, 0);
  const blocked = numberAt(row, 1);
  return {
    sum_queries: total,
    sum_blocked: blocked,
    percent_blocked: total === 0 ? 0 : (blocked / total) * 100,
    total_clients: numberAt(row, 2),
  };
}

function top(
  store: LongTerm,
  column: "n.text" | "c.text",
  { from, until, blocked, count }: Span & { readonly blocked: boolean; readonly count: number | undefined },
): Promise<readonly SqlRow[]> {
  const filter = { ...spanOf({ from, until }), ...(blocked || column === "n.text" ? { blocked } : {}) };
  const tail = `GROUP BY ${column} ORDER BY 2 DESC, 1 LIMIT ${countOf(count)}`;
  return store.grouped({ select: `${column}, COUNT(*)`, tail }, filter);
}

async function upstreams(store: LongTerm, span: Span) {
  const columns = `u.text, COUNT(*), AVG(q.micros), AVG(q.micros * q.micros)`;
  const rows = await store.grouped({ select: columns, tail: "GROUP BY u.text" }, spanOf(span));
  const { total_queries, blocked_queries } = await totals(store, span);
  const servers = rows
    .filter((row) => textAt(row, 0) !== "")
    .map((row) => {
      const mean = numberAt(row, 2) / 1e6;
      const variance = Math.max(0, numberAt(row, 3) / 1e12 - mean * mean);
      return { ...placeOf(textAt(row, 0)), count: numberAt(row, 1), statistics: { response: mean, variance } };
    });
  const forwarded = servers.reduce((sum, { count }) => sum + count, 0);
  const none = { port: -1, statistics: { response: 0, variance: 0 } };
  const cached = Math.max(0, total_queries - blocked_queries - forwarded);
  return {
    upstreams: [
      { ip: "blocklist", name: "blocklist", count: blocked_queries, ...none },
      { ip: "cache", name: "cache", count: cached, ...none },
      ...servers,
    ],
    total_queries,
    forwarded_queries: forwarded,
  };
}

const SLOT_SECONDS = 600;
/** The beginning of a query's ten minutes, in seconds. */
const SLOT = `q.id / ${IDS_PER_MS * 1000 * SLOT_SECONDS} * ${SLOT_SECONDS}`;

async function history(store: LongTerm, span: Span) {
  const { cached, stale, local, forwarded } = QUERY_STATUS;
  const here = `COALESCE(SUM(q.status IN (${cached}, ${stale}, ${local})), 0)`;
  const select = `${SLOT}, ${SUMS}, ${here}, COALESCE(SUM(q.status = ${forwarded}), 0)`;
  const rows = await store.grouped({ select, tail: "GROUP BY 1 ORDER BY 1" }, spanOf(span));
  return {
    history: rows.map((row) => ({
      timestamp: numberAt(row, 0),
      total: numberAt(row, 1),
      blocked: numberAt(row, 2),
      cached: numberAt(row, 3),
      forwarded: numberAt(row, 4),
    })),
  };
}

/** Of the busiest clients. */
const MAX_CLIENTS = 20;

async function clientHistory(deps: ApiDeps, store: LongTerm, { from, until }: Span) {
  const busiest = await top(store, "c.text", { from, until, blocked: false, count: MAX_CLIENTS });
  const names = new Set(busiest.map((row) => textAt(row, 0)));
  const tail = "GROUP BY 1, 2 ORDER BY 1";
  const rows = await store.grouped({ select: `${SLOT}, c.text, COUNT(*)`, tail }, spanOf({ from, until }));
  const slots = new Map<number, Map<string, number>>();
  for (const row of rows) {
    const slot = slots.get(numberAt(row, 0)) ?? new Map<string, number>();
    slots.set(numberAt(row, 0), slot);
    if (names.has(textAt(row, 1))) slot.set(textAt(row, 1), numberAt(row, 2));
  }
  return {
    clients: Object.fromEntries(
      busiest.map((row) => [textAt(row, 0), { name: nameOf(deps, textAt(row, 0)), total: numberAt(row, 1) }]),
    ),
    history: [...slots].map(([timestamp, data]) => ({ timestamp, data: Object.fromEntries(data) })),
  };
}

function pairs(rows: readonly SqlRow[]): [number, number][] {
  return rows.map((row) => [numberAt(row, 0), numberAt(row, 1)]);
}
