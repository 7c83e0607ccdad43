import * as v from "valibot";
import { queryFlag, queryInteger, queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { LoggedQuery } from "../log/logged-query.ts";
import type { QueryFilter } from "../log/query-filter.ts";
import { typeName, typeNumber } from "../packet/type-name.ts";
import { QUERY_STATUS } from "../query-record.ts";
import { DAY_MS } from "../statistics/statistics.ts";
import { topOf } from "../statistics/top-counts.ts";
import type { ApiDeps } from "./api-deps.ts";
import { badRequest } from "./api-error.ts";
import { nameOf } from "./client-names.ts";
import { Hidden } from "./hidden.ts";
import { REPLIES, repliesNamed, replyName, STATUSES, statusesNamed, statusName, TYPES } from "./pihole-names.ts";

const PAGE = 100;
const MAX_PAGE = 10_000;
const SUGGESTIONS = 30;

const second = v.pipe(v.optional(v.string(), ""), v.transform(readSeconds));
const QuerySchema = v.object({
  from: second,
  until: second,
  length: queryInteger,
  start: queryInteger,
  cursor: queryInteger,
  domain: queryText,
  client_ip: queryText,
  client_name: queryText,
  upstream: queryText,
  type: queryText,
  status: queryText,
  reply: queryText,
  dnssec: queryText,
  disk: v.optional(queryFlag, "false"),
  draw: queryInteger,
});
type Query = v.InferOutput<typeof QuerySchema>;

/** What was asked, one by one, newest first (https://docs.pi-hole.net/api/). */
export function queryRoutes(deps: ApiDeps): Route[] {
  const hidden = new Hidden(() => deps.settings.current.log);
  return [
    route({
      method: "GET",
      path: "/api/queries",
      summary: "The query log",
      access: { kind: "any-token" },
      query: QuerySchema,
      handle: async ({ query }) => ({ kind: "json", value: await page(deps, hidden, query) }),
    }),
    route({
      method: "GET",
      path: "/api/queries/suggestions",
      summary: "What filters may be set to",
      access: { kind: "any-token" },
      handle: () => ({ kind: "json", value: { suggestions: suggestions(deps) } }),
    }),
  ];
}

async function page(deps: ApiDeps, hidden: Hidden, query: Query) {
  const limit = Math.min(Math.max(query.length ?? PAGE, 0), MAX_PAGE);
  const found = await deps.log.find(filterOf(deps, query), { limit, skip: Math.max(0, query.start ?? 0) });
  const shown = hidden.isEmpty
    ? found.queries
    : found.queries.filter(
        ({ name, client }) => !hidden.hasName(name) && !hidden.hasClient(client, nameOf(deps, client)),
      );
  const earliest = ((await deps.log.longTerm?.earliestMs()) ?? deps.statistics.startMs) / 1000;
  return {
    queries: shown.map((one) => queryView(deps, one)),
    // Whoever sends it gets what is older: a page does not move while new queries come.
    cursor: found.queries.at(0)?.id ?? query.cursor ?? null,
    recordsTotal: found.total,
    recordsFiltered: found.matching,
    earliest_timestamp: Math.max(earliest, (deps.env.clock.nowMs() - DAY_MS) / 1000),
    earliest_timestamp_disk: earliest,
    draw: query.draw ?? 0,
  };
}

function filterOf(deps: ApiDeps, query: Query): QueryFilter {
  const day = query.disk || query.from !== undefined ? undefined : deps.env.clock.nowMs() - DAY_MS;
  const client = query.client_ip === "" ? addressNamed(deps, query.client_name) : query.client_ip;
  return {
    fromMs: query.from ?? day,
    untilMs: query.until,
    // Pi-hole's cursor is the newest of the first page, which belongs to it.
    beforeId: query.cursor === undefined ? undefined : query.cursor + 1,
    name: query.domain === "" ? undefined : query.domain.toLowerCase(),
    client,
    ...upstreamOf(query.upstream),
    types: query.type === "" ? undefined : [typeOf(query.type)],
    ...statusOf(query.status),
    replies: query.reply === "" ? undefined : orUnknown(repliesNamed(query.reply), "reply", query.reply),
    authentic: query.dnssec === "" ? undefined : query.dnssec.toUpperCase() === "SECURE",
  };
}

function upstreamOf(text: string): QueryFilter {
  if (text === "") return {};
  if (text === "blocklist") return { blocked: true };
  if (text === "cache") return { statuses: [QUERY_STATUS.cached, QUERY_STATUS.stale, QUERY_STATUS.local] };
  // `9.9.9.9#53` is what Pi-hole shows; here it is as it is in the settings.
  return { upstream: text.endsWith("#53") ? `${text.slice(0, -3)}*` : text.replace("#", ":") };
}

function statusOf(text: string): QueryFilter {
  return text === "" ? {} : { statuses: orUnknown(statusesNamed(text), "status", text) };
}

function orUnknown<T>(found: readonly T[], what: string, text: string): readonly T[] {
  if (found.length > 0 || [...STATUSES, ...REPLIES].some((name) => name === text.toUpperCase())) return found;
  throw badRequest(`${JSON.stringify(text)} is no ${what}`, "see /api/queries/suggestions");
}

function typeOf(text: string): number {
  const number = typeNumber(text);
  if (number === undefined) throw badRequest(`${JSON.stringify(text)} is no type of query`, "A, AAAA, HTTPS, TYPE99 …");
  return number;
}

/** Addresses are logged, names are looked up when read. */
function addressNamed(deps: ApiDeps, name: string): string | undefined {
  if (name === "" || name === "*") return undefined;
  for (const address of deps.statistics.clients("all").keys()) if (nameOf(deps, address) === name) return address;
  return name;
}

export function queryView(deps: Pick<ApiDeps, "dns">, query: LoggedQuery) {
  const { id, timeMs, type, name, status, client, authentic, reply, durationMs, upstream, ruleId } = query;
  const clientName = nameOf(deps, client);
  return {
    id,
    time: timeMs / 1000,
    type: typeName(type),
    domain: name,
    cname: null,
    status: statusName(status),
    client: { ip: client, name: clientName === "" ? null : clientName },
    dnssec: authentic ? "SECURE" : "UNKNOWN",
    reply: { type: replyName(reply), time: durationMs / 1000 },
    list_id: ruleId === 0 ? null : ruleId,
    upstream: upstream === "" ? null : upstream,
    ede: { code: -1, text: null },
  };
}

function suggestions(deps: ApiDeps) {
  const { statistics } = deps;
  const clients = topOf(statistics.clients("all"), SUGGESTIONS).map(([ip]) => ip);
  const names = new Map([...statistics.names("allowed"), ...statistics.names("blocked")]);
  return {
    domain: topOf(names, SUGGESTIONS).map(([name]) => name),
    client_ip: clients,
    client_name: [...new Set(clients.map((ip) => nameOf(deps, ip)).filter((name) => name !== ""))],
    upstream: ["blocklist", "cache", ...statistics.day().upstreams.keys()],
    type: [...TYPES],
    status: [...STATUSES],
    reply: [...REPLIES],
    dnssec: ["UNKNOWN", "SECURE"],
  };
}

/** Milliseconds; undefined when nothing was given. */
function readSeconds(text: string): number | undefined {
  const value = Number(text);
  return text === "" || !Number.isFinite(value) ? undefined : value * 1000;
}
