import * as v from "valibot";
import { queryFlag } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { isBlocked } from "../query-record.ts";
import { topOf } from "../statistics/top-counts.ts";
import type { ApiDeps } from "./api-deps.ts";
import { blockingView } from "./blocking-routes.ts";
import { nameOf } from "./client-names.ts";
import { hostView, systemView, versionView } from "./info-routes.ts";
import { summaryView } from "./stats-routes.ts";

/** Everything a small display shows, in one answer (the terminal display PADD). */
export function paddRoutes(deps: ApiDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/api/padd",
      summary: "Everything at a glance",
      access: { kind: "any-token" },
      query: v.object({ full: v.optional(queryFlag, "true") }),
      handle: async () => ({ kind: "json", value: await paddView(deps) }),
    }),
  ];
}

async function paddView(deps: ApiDeps) {
  const { settings, env, log } = deps;
  const facts = await deps.machine();
  const statistics = await deps.counts();
  const { queries, gravity } = summaryView(deps, statistics);
  const { current } = settings;
  const clients = statistics.clients("all");
  const [first] = topOf(clients, 1);
  const system = systemView(facts);
  return {
    active_clients: clients.size,
    gravity_size: gravity.domains_being_blocked,
    recent_blocked: lastBlocked(log),
    top_domain: topOf(statistics.names("allowed"), 1)[0]?.[0] ?? null,
    top_blocked: topOf(statistics.names("blocked"), 1)[0]?.[0] ?? null,
    top_client: first === undefined ? null : nameOf(deps, first[0]) || first[0],
    blocking: blockingView(deps).blocking,
    queries: { total: queries.total, blocked: queries.blocked, percent_blocked: queries.percent_blocked },
    cache: { size: current.cache.size, inserted: deps.dns.status().cachedReplies, evicted: 0 },
    config: {
      dhcp_active: false,
      dhcp_start: "",
      dhcp_end: "",
      dhcp_ipv6: false,
      dns_domain: current.local.domain,
      dns_port: 53,
      dns_num_upstreams: current.upstream.servers.length,
      dns_dnssec: current.upstream.dnssec === "validate",
      dns_revServer_active: current.conditional.some(({ enabled }) => enabled),
      privacy_level: current.log.privacyLevel,
    },
    "%cpu": system.cpu["%cpu"],
    "%mem": system.ftl["%mem"],
    pid: facts.pid,
    node_name: env.net.hostname(),
    host_model: hostView(deps, facts).model,
    iface: interfaceView(deps),
    version: versionView(deps),
    system,
    sensors: { cpu_temp: null, hot_limit: 60, unit: "C" },
  };
}

function lastBlocked(log: ApiDeps["log"]): string | null {
  for (const { status, name } of log.recent()) if (isBlocked(status)) return name;
  return null;
}

function interfaceView({ env }: ApiDeps) {
  const outside = env.net.interfaces().filter(({ name }) => name !== "lo");
  const half = (isV6: boolean) => {
    const mine = outside.filter(({ address }) => address.includes(":") === isV6);
    const bytes = { value: 0, unit: "B" };
    const [found] = mine;
    return {
      addr: found?.address ?? null,
      num_addrs: mine.length,
      name: found?.name ?? null,
      gw_addr: null,
      rx_bytes: bytes,
      tx_bytes: bytes,
    };
  };
  return { v4: half(false), v6: half(true) };
}
