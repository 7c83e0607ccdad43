import * as v from "valibot";
import { parse } from "yaml";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Imported } from "./imported.ts";

const texts = v.nullish(v.array(v.string()), []);
const FilterSchema = v.looseObject({
  enabled: v.nullish(v.boolean(), true),
  url: v.string(),
  name: v.nullish(v.string(), ""),
});
const ClientSchema = v.looseObject({
  name: v.string(),
  ids: texts,
  upstreams: texts,
  blocked_services: v.nullish(v.unknown()),
});
const RewriteSchema = v.looseObject({ domain: v.string(), answer: v.string(), enabled: v.nullish(v.boolean(), true) });
const numbers = v.nullish(v.number());
const FileSchema = v.looseObject({
  dns: v.nullish(
    v.looseObject({
      upstream_dns: texts,
      bootstrap_dns: texts,
      upstream_mode: v.nullish(v.string(), ""),
      ratelimit: numbers,
      cache_enabled: v.nullish(v.boolean(), true),
      cache_size: numbers,
      cache_ttl_min: numbers,
      cache_ttl_max: numbers,
      enable_dnssec: v.nullish(v.boolean(), false),
      blocking_mode: v.nullish(v.string()),
      blocked_response_ttl: numbers,
      blocking_ipv4: v.nullish(v.string(), ""),
      blocking_ipv6: v.nullish(v.string(), ""),
      rewrites: v.nullish(v.array(RewriteSchema), []),
    }),
    {},
  ),
  filtering: v.nullish(
    v.looseObject({
      rewrites: v.nullish(v.array(RewriteSchema), []),
      blocking_mode: v.nullish(v.string()),
      protection_enabled: v.nullish(v.boolean(), true),
      blocked_response_ttl: numbers,
    }),
    {},
  ),
  filters: v.nullish(v.array(FilterSchema), []),
  whitelist_filters: v.nullish(v.array(FilterSchema), []),
  user_rules: texts,
  clients: v.nullish(v.looseObject({ persistent: v.nullish(v.array(ClientSchema), []) }), {}),
  querylog: v.nullish(
    v.looseObject({ enabled: v.nullish(v.boolean(), true), interval: v.nullish(v.string(), "") }),
    {},
  ),
});
type AdGuard = v.InferOutput<typeof FileSchema>;

const MODES: Readonly<Record<string, string>> = {
  default: "null",
  null_ip: "null",
  nxdomain: "nxdomain",
  refused: "nxdomain",
  custom_ip: "ip",
};
const UPSTREAM_MODES: Readonly<Record<string, string>> = {
  load_balance: "fastest",
  parallel: "parallel",
  fastest_addr: "fastest",
};
/** Sections that are about something else, or have no counterpart. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  users: "set a password with lares dns password",
  dhcp: "settings of DHCP are those of the role dhcp",
  tls: "name certificates in listen.cert_file and listen.key_file",
};

/** AdGuard Home's settings file (https://github.com/AdguardTeam/AdGuardHome/wiki/Configuration). Whatever the text is, a result. */
export function importAdGuard(text: string, imported: Imported): Result<undefined> {
  let raw: unknown;
  try {
    raw = parse(text, { maxAliasCount: 100 });
  } catch (thrown) {
    return fail("bad_yaml", `the file is no YAML: ${messageOf(thrown)}`);
  }
  const parsed = v.safeParse(FileSchema, raw);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return fail("bad_adguard", `these are no settings of AdGuard Home: ${v.getDotPath(issue) ?? ""} ${issue.message}`);
  }
  const file = parsed.output;
  importDns(file, imported);
  for (const { url, name, enabled } of file.filters ?? [])
    addFilter({ url, name: name ?? "", enabled: enabled ?? true, kind: "block" }, imported);
  for (const { url, name, enabled } of file.whitelist_filters ?? [])
    addFilter({ url, name: name ?? "", enabled: enabled ?? true, kind: "allow" }, imported);
  for (const rule of file.user_rules ?? []) importRule(rule.trim(), imported);
  for (const { domain, answer, enabled } of [...(file.dns?.rewrites ?? []), ...(file.filtering?.rewrites ?? [])])
    if (enabled !== false) importRewrite({ domain, answer }, imported);
  for (const client of file.clients?.persistent ?? []) {
    const servers = client.upstreams ?? [];
    for (const match of client.ids ?? [])
      imported.addClient({ match: match.toLowerCase(), groups: [0], servers, comment: client.name });
    if (client.blocked_services !== undefined && client.blocked_services !== null)
      imported.leave(`client ${client.name}: blocked services; put it into a group with services`);
  }
  for (const [key, remedy] of Object.entries(ELSEWHERE)) if (key in file) imported.leave(`${key}: ${remedy}`);
  return succeed(undefined);
}

function importDns({ dns, filtering, querylog }: AdGuard, imported: Imported): void {
  const { settings } = imported;
  const servers: string[] = [];
  const conditional = [...settings.conditional];
  for (const line of dns?.upstream_dns ?? []) {
    // `[/corp.example/lan/]10.0.0.1` is about those names alone.
    const [, domains, special] = /^\[\/(.*)\/\](.*)$/.exec(line) ?? [];
    if (domains === undefined) {
      if (/^(?:sdns|quic|h3):/.test(line)) imported.leave(`upstream ${line}: this protocol is not spoken`);
      else if (line !== "" && !line.startsWith("#")) servers.push(line);
    } else
      for (const match of domains.split("/"))
        if (special === "" || special === "#" || match === "") imported.leave(`upstream ${line}`);
        else conditional.push({ match, servers: (special ?? "").split(" "), enabled: true });
  }
  const mode = filtering?.blocking_mode ?? dns?.blocking_mode ?? "default";
  const { upstream, blocking, cache, limits } = settings;
  imported.take(
    {
      ...settings,
      conditional,
      upstream: {
        ...upstream,
        servers: servers.length > 0 ? servers : upstream.servers,
        bootstrap: dns?.bootstrap_dns ?? [],
        mode: UPSTREAM_MODES[dns?.upstream_mode ?? ""] ?? upstream.mode,
        dnssec: dns?.enable_dnssec === true ? "validate" : "pass",
      },
      blocking: {
        ...blocking,
        enabled: filtering?.protection_enabled ?? true,
        mode: MODES[mode] ?? "null",
        ttl: filtering?.blocked_response_ttl ?? dns?.blocked_response_ttl ?? blocking.ttl,
        ipv4: dns?.blocking_ipv4 ?? "",
        ipv6: dns?.blocking_ipv6 ?? "",
      },
      cache: {
        ...cache,
        size: dns?.cache_enabled === false ? 0 : cache.size,
        minTtl: dns?.cache_ttl_min ?? cache.minTtl,
        maxTtl: dns?.cache_ttl_max || cache.maxTtl,
      },
      limits: { ...limits, rateCount: (dns?.ratelimit ?? 0) * limits.rateSeconds },
      log: {
        ...settings.log,
        enabled: querylog?.enabled ?? true,
        retentionDays: daysOf(querylog?.interval ?? "", settings.log.retentionDays),
      },
    },
    "dns",
  );
  if (mode === "refused") imported.leave("dns.blocking_mode refused: blocked names are NXDOMAIN instead");
  if ((dns?.cache_size ?? 0) > 0)
    imported.leave("dns.cache_size: it is in bytes there and in replies here; cache.size stays");
}

/** `2160h`. */
function daysOf(interval: string, otherwise: number): number {
  const [, hours] = /^(\d+)h/.exec(interval) ?? [];
  return hours === undefined ? otherwise : Math.max(1, Math.round(Number(hours) / 24));
}

function addFilter(
  list: { readonly url: string; readonly name: string; readonly enabled: boolean; readonly kind: "block" | "allow" },
  imported: Imported,
): void {
  if (/^https?:\/\//.test(list.url)) imported.addList(list);
  else imported.leave(`filter ${list.url}: it is a file of that machine; give it as file:///…`);
}

/** `||ads.example^`, `@@||good.example^`, `/regex/`, `0.0.0.0 ads.example`, and names. Modifiers have no counterpart. */
function importRule(rule: string, imported: Imported): void {
  if (rule === "" || rule.startsWith("!") || rule.startsWith("#")) return;
  const isException = rule.startsWith("@@");
  const kind = isException ? "allow" : "deny";
  const body = isException ? rule.slice(2) : rule;
  const [, below] = /^\|\|([a-z0-9._-]+)\^?$/i.exec(body) ?? [];
  const [, regex] = /^\/(.*)\/$/.exec(body) ?? [];
  const [, hosted] = /^(?:0\.0\.0\.0|127\.0\.0\.1|::1?)\s+([a-z0-9._-]+)$/i.exec(body) ?? [];
  const plain = hosted ?? (/^[a-z0-9._-]+$/i.test(body) ? body : undefined);
  if (below !== undefined)
    imported.addRule({
      kind,
      match: "regex",
      text: String.raw`(^|\.)${below.toLowerCase().replaceAll(".", String.raw`\.`)}$`,
    });
  else if (regex !== undefined) imported.addRule({ kind, match: "regex", text: regex });
  else if (plain !== undefined) imported.addRule({ kind, match: "exact", text: plain });
  else imported.leave(`rule ${rule}: its modifiers have no counterpart`);
}

function importRewrite(
  { domain, answer }: { readonly domain: string; readonly answer: string },
  imported: Imported,
): void {
  const { settings } = imported;
  const isV4 = /^\d+\.\d+\.\d+\.\d+$/.test(answer);
  const type = isV4 ? "A" : answer.includes(":") ? "AAAA" : "CNAME";
  if (answer === "A" || answer === "AAAA" || answer === domain) {
    imported.leave(`rewrite ${domain}: exceptions from rewrites have no counterpart`);
    return;
  }
  const records = [...settings.local.records, { name: domain.toLowerCase(), type, value: answer, comment: "" }];
  imported.take({ ...settings, local: { ...settings.local, records } }, `rewrite ${domain}`);
}
