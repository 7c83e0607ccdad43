import { route, type Route } from "#base/http/route.ts";
import type { ApiDeps, MachineFacts } from "./api-deps.ts";
import { notFound } from "./api-error.ts";

const MILLI = 1000;

/** About this server and its machine. */
export function infoRoutes(deps: ApiDeps, endpoints: () => readonly Route[]): Route[] {
  const read = (path: string, summary: string, value: () => unknown): Route =>
    route({
      method: "GET",
      path,
      summary,
      access: { kind: "any-token" },
      handle: async () => ({ kind: "json", value: await value() }),
    });
  return [
    read("/api/endpoints", "What there is", () => ({ endpoints: endpointView(endpoints()) })),
    read("/api/info/version", "Versions", () => ({ version: versionView(deps) })),
    read("/api/info/ftl", "The DNS server", async () => ({ ftl: ftlView(deps, await deps.machine()) })),
    read("/api/info/system", "The machine", async () => ({ system: systemView(await deps.machine()) })),
    read("/api/info/host", "The machine's name", async () => ({ host: hostView(deps, await deps.machine()) })),
    read("/api/info/sensors", "Temperatures", () => ({
      sensors: { list: [], cpu_temp: null, hot_limit: 60, unit: "C" },
    })),
    read("/api/info/database", "The long-term log", () => databaseView(deps)),
    read("/api/info/metrics", "The cache", () => ({ metrics: metricsView(deps) })),
    read("/api/info/messages", "What is wrong", () => ({ messages: messagesView(deps) })),
    read("/api/info/messages/count", "How much is wrong", () => ({ count: deps.dns.status().problems.length })),
    route({
      method: "GET",
      path: "/api/info/client",
      summary: "Who asks this",
      access: { kind: "public" },
      handle: ({ remote, headers, method }) => ({
        kind: "json",
        value: {
          remote_addr: remote.host,
          http_version: "1.1",
          method,
          headers: Object.entries(headers)
            .filter(([name]) => !SECRET_HEADERS.includes(name))
            .map(([name, value]) => ({ name, value })),
        },
      }),
    }),
    route({
      method: "GET",
      path: "/api/info/login",
      summary: "What a login page has to know",
      access: { kind: "public" },
      handle: () => ({ kind: "json", value: { https_port: 0, dns: true } }),
    }),
    route({
      method: "DELETE",
      path: "/api/info/messages/:id",
      summary: "Problems go when their cause does",
      access: { kind: "any-token" },
      handle: ({ params: { id } }) => {
        throw notFound(`message ${id} goes by itself when its cause does`);
      },
    }),
  ];
}

const SECRET_HEADERS: readonly string[] = ["x-ftl-sid", "sid", "x-ftl-csrf", "cookie", "authorization"];

function endpointView(rows: readonly Route[]) {
  const view: Record<string, { uri: string; parameters: string }[]> = {
    get: [],
    post: [],
    put: [],
    patch: [],
    delete: [],
  };
  for (const { method, path } of rows)
    for (const one of typeof method === "string" ? [method] : method) {
      const parts = path.split("/");
      const first = parts.findIndex((part) => /^[:*+]/.test(part));
      const uri = (first < 0 ? parts : parts.slice(0, first)).join("/");
      const parameters =
        first < 0
          ? ""
          : parts
              .slice(first)
              .map((part) => `/{${part.slice(1)}}`)
              .join("");
      view[one.toLowerCase()]?.push({ uri, parameters });
    }
  return view;
}

/** Dashboards compare versions of Pi-hole's parts; ours is the same in all of them. */
export function versionView({ version }: Pick<ApiDeps, "version">) {
  const part = {
    local: { version: `v${version}`, branch: "lares", hash: null },
    remote: { version: null, hash: null },
  };
  return {
    core: part,
    web: part,
    ftl: { ...part, local: { ...part.local, date: null } },
    docker: { local: null, remote: null },
  };
}

export function ftlView(deps: ApiDeps, facts: MachineFacts) {
  const { settings, statistics, log, env } = deps;
  const { lists, rules, groups, clients } = settings.current;
  const kinds = (kind: "allow" | "deny", match: "exact" | "regex") => {
    const all = rules.filter((rule) => rule.kind === kind && rule.match === match);
    return { total: all.length, enabled: all.filter(({ enabled }) => enabled).length };
  };
  const allowed = kinds("allow", "exact");
  const denied = kinds("deny", "exact");
  const active = statistics.clients("all").size;
  return {
    database: {
      gravity: deps.dns.status().blockedNames,
      groups: Math.max(1, groups.length),
      lists: lists.length,
      clients: clients.length,
      domains: {
        allowed: allowed.total,
        denied: denied.total,
        allowed_enabled: allowed.enabled,
        denied_enabled: denied.enabled,
      },
      regex: regexCounts(kinds("allow", "regex"), kinds("deny", "regex")),
    },
    privacy_level: settings.current.log.privacyLevel,
    query_frequency: statistics.rate(),
    clients: { total: active, active },
    pid: facts.pid,
    uptime: env.clock.nowMs() - statistics.startMs,
    "%mem": (facts.residentBytes / Math.max(1, facts.totalBytes)) * 100,
    "%cpu": facts.cpuPercent,
    allow_destructive: settings.current.api.allowDestructive,
    dnsmasq: { dns_queries_forwarded: statistics.ever.forwarded, dns_local_answered: statistics.ever.cached },
    unwritten_queries: log.unwritten,
  };
}

interface Counted {
  readonly total: number;
  readonly enabled: number;
}

function regexCounts(allowed: Counted, denied: Counted) {
  return {
    allowed: allowed.total,
    denied: denied.total,
    allowed_enabled: allowed.enabled,
    denied_enabled: denied.enabled,
  };
}

export function systemView(facts: MachineFacts) {
  const { totalBytes, availableBytes, load, cores, uptimeSeconds, cpuPercent, residentBytes } = facts;
  const kib = (bytes: number): number => Math.round(bytes / 1024);
  const used = totalBytes - availableBytes;
  const none = { total: 0, used: 0, free: 0, "%used": 0 };
  return {
    uptime: Math.round(uptimeSeconds),
    memory: {
      ram: {
        total: kib(totalBytes),
        free: kib(availableBytes),
        used: kib(used),
        available: kib(availableBytes),
        "%used": (used / Math.max(1, totalBytes)) * 100,
      },
      swap: none,
    },
    procs: 0,
    cpu: {
      nprocs: cores,
      "%cpu": cpuPercent,
      load: { raw: load, percent: load.map((one) => (one / Math.max(1, cores)) * 100) },
    },
    ftl: { "%mem": (residentBytes / Math.max(1, totalBytes)) * 100, "%cpu": cpuPercent },
  };
}

export function hostView({ env }: Pick<ApiDeps, "env">, { model, kernel, machine }: MachineFacts) {
  return {
    uname: {
      domainname: "(none)",
      machine,
      nodename: env.net.hostname(),
      release: kernel,
      sysname: "Linux",
      version: "",
    },
    model: model === "" ? null : model,
    dmi: {
      bios: { vendor: null },
      board: { name: null, vendor: null, version: null },
      product: {},
      sys: { vendor: null },
    },
  };
}

async function databaseView({ log, env }: ApiDeps) {
  const store = log.longTerm;
  return {
    size: (await store?.size()) ?? 0,
    type: "Regular file",
    mode: "rw-------",
    atime: Math.floor(env.clock.nowMs() / MILLI),
    mtime: Math.floor(env.clock.nowMs() / MILLI),
    ctime: Math.floor(env.clock.nowMs() / MILLI),
    owner: { user: { uid: 0, name: "lares", info: "" }, group: { gid: 0, name: "lares" } },
    queries: (await store?.count({})) ?? 0,
    earliest_timestamp: ((await store?.earliestMs()) ?? 0) / MILLI,
    sqlite_version: "3",
  };
}

function metricsView({ dns, statistics, settings }: ApiDeps) {
  const { cachedReplies } = dns.status();
  return {
    dns: {
      cache: {
        size: settings.current.cache.size,
        inserted: cachedReplies,
        evicted: 0,
        expired: 0,
        immortal: 0,
        content: [],
      },
      replies: {
        forwarded: statistics.ever.forwarded,
        unanswered: statistics.ever.replies[0] ?? 0,
        local: statistics.ever.cached,
        optimized: 0,
        auth: 0,
        sum: statistics.ever.total,
      },
    },
  };
}

function messagesView({ dns, env }: ApiDeps) {
  const timestamp = Math.floor(env.clock.nowMs() / MILLI);
  return dns
    .status()
    .problems.map((problem, at) => ({ id: at + 1, timestamp, type: "LARES", plain: problem, html: null }));
}
