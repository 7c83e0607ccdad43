import * as v from "valibot";
import { queryFlag, queryInteger } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { isBlocked } from "../query-record.ts";
import type { Slot, UpstreamTimes } from "../statistics/slot.ts";
import type { Statistics } from "../statistics/statistics.ts";
import { topOf } from "../statistics/top-counts.ts";
import type { ApiDeps } from "./api-deps.ts";
import { nameOf } from "./client-names.ts";
import { Hidden } from "./hidden.ts";
import { replyCounts, statusCounts, typeCounts } from "./pihole-names.ts";

const MAX_COUNT = 1000;
export const TopQuery = v.object({ blocked: v.optional(queryFlag, "false"), count: queryInteger });

/** The last 24 hours. */
export function statsRoutes(deps: ApiDeps): Route[] {
  const hidden = new Hidden(() => deps.settings.current.log);
  const read = (path: string, summary: string, view: (counts: Statistics) => unknown): Route =>
    route({
      method: "GET",
      path,
      summary,
      access: { kind: "any-token" },
      handle: async () => ({ kind: "json", value: view(await deps.counts()) }),
    });
  return [
    read("/api/stats/summary", "Sums", (counts) => summaryView(deps, counts)),
    read("/api/stats/query_types", "What was asked for", (counts) => ({ types: typeCounts(counts.day().types) })),
    read("/api/stats/upstreams", "Who answered", (counts) => upstreamsView(counts.day())),
    route({
      method: "GET",
      path: "/api/stats/top_domains",
      summary: "Names asked for most",
      access: { kind: "any-token" },
      query: TopQuery,
      handle: async ({ query }) => {
        const counts = await deps.counts();
        const names = counts.names(query.blocked ? "blocked" : "allowed");
        for (const name of hidden.isEmpty ? [] : names.keys()) if (hidden.hasName(name)) names.delete(name);
        const domains = topOf(names, countOf(query.count)).map(([domain, count]) => ({ domain, count }));
        return { kind: "json", value: { domains, ...sums(counts.day()) } };
      },
    }),
    route({
      method: "GET",
      path: "/api/stats/top_clients",
      summary: "Clients that ask most",
      access: { kind: "any-token" },
      query: TopQuery,
      handle: async ({ query }) => {
        const counts = await deps.counts();
        const all = counts.clients(query.blocked ? "blocked" : "all");
        for (const ip of hidden.isEmpty ? [] : all.keys()) if (hidden.hasClient(ip, nameOf(deps, ip))) all.delete(ip);
        const clients = topOf(all, countOf(query.count)).map(([ip, count]) => ({ name: nameOf(deps, ip), ip, count }));
        return { kind: "json", value: { clients, ...sums(counts.day()) } };
      },
    }),
    route({
      method: "GET",
      path: "/api/stats/recent_blocked",
      summary: "The names blocked last",
      access: { kind: "any-token" },
      query: v.object({ count: queryInteger }),
      handle: ({ query }) => recentBlocked(deps, countOf(query.count ?? 1)),
    }),
  ];
}

export function countOf(given: number | undefined): number {
  return Math.min(Math.max(given ?? 10, 0), MAX_COUNT);
}

function sums({ total, blocked }: Slot) {
  return { total_queries: total, blocked_queries: blocked };
}

export function summaryView({ dns, settings }: ApiDeps, statistics: Statistics) {
  const day = statistics.day();
  const clients = statistics.clients("all");
  const changes = dns.lists.report().map(({ meta }) => meta?.changedMs ?? 0);
  return {
    queries: {
      total: day.total,
      blocked: day.blocked,
      percent_blocked: day.total === 0 ? 0 : (day.blocked / day.total) * 100,
      unique_domains: new Set([...statistics.names("allowed").keys(), ...statistics.names("blocked").keys()]).size,
      forwarded: day.forwarded,
      cached: day.cached,
      frequency: statistics.rate(),
      types: typeCounts(day.types),
      status: statusCounts(day.statuses.entries()),
      replies: replyCounts(day.replies.entries()),
    },
    clients: { active: clients.size, total: Math.max(clients.size, settings.current.clients.length) },
    gravity: {
      domains_being_blocked: dns.status().blockedNames,
      last_update: Math.floor(Math.max(0, ...changes) / 1000),
    },
  };
}

export function upstreamsView(day: Slot) {
  const servers = [...day.upstreams].map(([address, times]) => ({
    ...placeOf(address),
    count: times.count,
    statistics: timesView(times),
  }));
  const none = { port: -1, statistics: { response: 0, variance: 0 } };
  const upstreams = [
    { ip: "blocklist", name: "blocklist", count: day.blocked, ...none },
    { ip: "cache", name: "cache", count: day.cached, ...none },
    ...servers,
  ];
  upstreams.sort((a, b) => b.count - a.count);
  return { upstreams, total_queries: day.total, forwarded_queries: day.forwarded };
}

/** `9.9.9.9` and `9.9.9.9:5353` in Pi-hole's halves; others stay whole. */
export function placeOf(server: string): { readonly ip: string; readonly name: string; readonly port: number } {
  const [, host = server, port] = /^\[?([0-9a-fA-F.:]+?)\]?(?:[:#](\d{1,5}))?$/.exec(server) ?? [];
  const isV6Alone = server.includes(":") && !server.startsWith("[") && server.indexOf(":") !== server.lastIndexOf(":");
  const ip = isV6Alone ? server : host;
  return { ip, name: ip, port: isV6Alone || port === undefined ? 53 : Number(port) };
}

/** Seconds. */
function timesView({ count, sumMs, sumOfSquares }: UpstreamTimes) {
  const mean = sumMs / Math.max(1, count);
  const variance = Math.max(0, sumOfSquares / Math.max(1, count) - mean * mean);
  return { response: mean / 1000, variance: variance / 1e6 };
}

function recentBlocked({ log }: ApiDeps, count: number): Reply {
  const blocked: string[] = [];
  for (const { status, name } of log.recent()) {
    if (blocked.length >= count) break;
    if (isBlocked(status)) blocked.push(name);
  }
  return { kind: "json", value: { blocked } };
}
