import * as v from "valibot";
import { queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { topOf } from "../statistics/top-counts.ts";
import type { ApiDeps } from "./api-deps.ts";
import { nameOf } from "./client-names.ts";

const CLIENTS = 20;
const MAX_CLIENTS = 500;
/** What all clients that are not shown have together. */
const OTHERS = "other clients";

/** The last 24 hours in slots of ten minutes; a slot's time is its beginning. */
export function historyRoutes(deps: ApiDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/api/history",
      summary: "Answers over time",
      access: { kind: "any-token" },
      handle: async () => {
        const statistics = await deps.counts();
        const history = statistics.slots().map(({ startMs, slot: { total, cached, blocked, forwarded } }) => {
          return { timestamp: startMs / 1000, total, cached, blocked, forwarded };
        });
        return { kind: "json", value: { history } };
      },
    }),
    route({
      method: "GET",
      path: "/api/history/clients",
      summary: "Clients over time",
      access: { kind: "any-token" },
      // `N`: as many clients; 0: all.
      query: v.object({ N: queryInteger }),
      handle: async ({ query: { N = CLIENTS } }) => {
        const statistics = await deps.counts();
        const all = statistics.clients("all");
        const shown = topOf(all, N <= 0 ? MAX_CLIENTS : Math.min(N, MAX_CLIENTS));
        const names = new Set(shown.map(([ip]) => ip));
        const clients = Object.fromEntries(shown.map(([ip, total]) => [ip, { name: nameOf(deps, ip), total }]));
        const rest = [...all].filter(([ip]) => !names.has(ip)).reduce((sum, [, count]) => sum + count, 0);
        const history = statistics.slots().map(({ startMs, slot }) => {
          const data: Record<string, number> = {};
          let others = 0;
          for (const [ip, count] of slot.clients.entries())
            if (names.has(ip)) data[ip] = count;
            else others += count;
          if (others > 0) data[OTHERS] = others;
          return { timestamp: startMs / 1000, data };
        });
        const value = {
          clients: rest > 0 ? { ...clients, [OTHERS]: { name: OTHERS, total: rest } } : clients,
          history,
        };
        return { kind: "json", value };
      },
    }),
  ];
}
