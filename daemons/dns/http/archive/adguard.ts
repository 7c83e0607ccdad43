import * as v from "valibot";
import { parse } from "yaml";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Settings } from "../../settings/settings.ts";
import { importClients } from "./adguard-clients.ts";
import { FileSchema, type AdGuardFile } from "./adguard-file.ts";
import { importRule } from "./adguard-rules.ts";
import type { Imported } from "./imported.ts";

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
/** Of what is wrong with a value, which may be of any length. */
const MAX_MESSAGE = 200;
/** Whose reverse names a server of the house is asked about (RFC 6303 §4.1). */
const PRIVATE_NETWORKS = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/** AdGuard Home's settings. Whatever the text is, a result. */
export function importAdGuard(text: string, imported: Imported): Result<undefined> {
  let raw: unknown;
  try {
    raw = parse(text, { maxAliasCount: 100, logLevel: "error" });
  } catch (thrown) {
    return fail("bad_yaml", `the file is no YAML: ${messageOf(thrown)}`);
  }
  // Any text is YAML, and would be told as a whole.
  if (typeof raw !== "object" || raw === null)
    return fail("bad_archive", "this is neither an archive of Pi-hole's Teleporter nor AdGuardHome.yaml");
  const parsed = v.safeParse(FileSchema, raw);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return fail(
      "bad_adguard",
      `these are no settings of AdGuard Home: ${v.getDotPath(issue) ?? ""} ${issue.message.slice(0, MAX_MESSAGE)}`,
    );
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
  importClients(file, imported);
  leaveOthers(file, imported);
  return succeed(undefined);
}

/** What is about something else, or has no counterpart, as far as it is in use. */
function leaveOthers({ users, dhcp, tls, dns, filtering }: AdGuardFile, imported: Imported): void {
  if ((users ?? []).length > 0) imported.leave("users: set a password with lares dns password");
  if (dhcp?.enabled === true) imported.leave("dhcp: settings of DHCP are those of the role dhcp");
  if (tls?.enabled === true) imported.leave("tls: name certificates in listen.cert_file and listen.key_file");
  if (dns?.upstream_dns_file) imported.leave(`dns.upstream_dns_file: ${dns.upstream_dns_file} was not read`);
  if ((dns?.disallowed_clients ?? []).length > 0)
    imported.leave("dns.disallowed_clients: name who may ask in limits.allow_from");
  if ((filtering?.blocking_mode ?? dns?.blocking_mode) === "refused")
    imported.leave("dns.blocking_mode refused: blocked names are NXDOMAIN instead");
  if ((dns?.cache_size ?? 0) > 0)
    imported.leave("dns.cache_size: it is in bytes there and in replies here; cache.size stays");
}

function importDns(file: AdGuardFile, imported: Imported): void {
  const { settings } = imported;
  const { dns, filtering, querylog } = file;
  const { cache, limits, log, listUpdates } = settings;
  const servers = serversOf(file, imported);
  imported.take(
    {
      ...settings,
      ...servers,
      blocking: blockingOf(file, settings),
      listUpdates: {
        ...listUpdates,
        everyHours: filtering?.filters_update_interval ?? dns?.filters_update_interval ?? listUpdates.everyHours,
      },
      cache: {
        ...cache,
        size: dns?.cache_enabled === false ? 0 : cache.size,
        minTtl: dns?.cache_ttl_min ?? cache.minTtl,
        maxTtl: dns?.cache_ttl_max || cache.maxTtl,
      },
      limits: {
        ...limits,
        rateCount: (dns?.ratelimit ?? 0) * limits.rateSeconds,
        allowFrom: dns?.allowed_clients ?? limits.allowFrom,
      },
      log: {
        ...log,
        enabled: querylog?.enabled ?? dns?.querylog_enabled ?? true,
        retentionDays: daysOf(querylog?.interval ?? dns?.querylog_interval, log.retentionDays),
      },
    },
    "dns",
  );
}

function blockingOf({ dns, filtering }: AdGuardFile, { blocking }: Settings) {
  const isOn = (key: "protection_enabled" | "filtering_enabled"): boolean => filtering?.[key] ?? dns?.[key] ?? true;
  return {
    ...blocking,
    enabled: isOn("protection_enabled") && isOn("filtering_enabled"),
    mode: MODES[filtering?.blocking_mode ?? dns?.blocking_mode ?? "default"] ?? "null",
    ttl: filtering?.blocked_response_ttl ?? dns?.blocked_response_ttl ?? blocking.ttl,
    ipv4: filtering?.blocking_ipv4 ?? dns?.blocking_ipv4 ?? "",
    ipv6: filtering?.blocking_ipv6 ?? dns?.blocking_ipv6 ?? "",
  };
}

function serversOf({ dns }: AdGuardFile, imported: Imported) {
  const { upstream, conditional } = imported.settings;
  const servers: string[] = [];
  const special = [...conditional];
  for (const line of dns?.upstream_dns ?? []) {
    // `[/corp.example/lan/]10.0.0.1` is about those names alone.
    const [, domains, theirs = ""] = /^\[\/(.*)\/\](.*)$/.exec(line) ?? [];
    if (domains === undefined) {
      if (/^(?:sdns|quic|h3):/.test(line)) imported.leave(`upstream ${line}: this protocol is not spoken`);
      else if (line !== "" && !line.startsWith("#")) servers.push(line);
    } else
      for (const match of domains.split("/"))
        if (theirs === "" || theirs === "#" || match === "") imported.leave(`upstream ${line}`);
        else special.push({ match, servers: theirs.split(" "), enabled: true });
  }
  const own = dns?.local_ptr_upstreams ?? [];
  if (own.length > 0 && dns?.use_private_ptr_resolvers !== false)
    for (const match of PRIVATE_NETWORKS) special.push({ match, servers: own, enabled: true });
  const former = dns?.all_servers === true ? "parallel" : dns?.fastest_addr === true ? "fastest_addr" : "";
  return {
    conditional: special,
    upstream: {
      ...upstream,
      servers: servers.length > 0 ? servers : upstream.servers,
      bootstrap: dns?.bootstrap_dns ?? [],
      mode: UPSTREAM_MODES[dns?.upstream_mode || former] ?? upstream.mode,
      dnssec: dns?.enable_dnssec === true ? "validate" : "pass",
    },
  };
}

/** `2160h`, or a number of days. */
function daysOf(interval: string | number | null | undefined, otherwise: number): number {
  if (typeof interval === "number") return Math.max(1, interval);
  const [, hours] = /^(\d+)h/.exec(interval ?? "") ?? [];
  return hours === undefined ? otherwise : Math.max(1, Math.round(Number(hours) / 24));
}

function addFilter(
  list: { readonly url: string; readonly name: string; readonly enabled: boolean; readonly kind: "block" | "allow" },
  imported: Imported,
): void {
  if (/^https?:\/\//.test(list.url)) imported.addList(list);
  else imported.leave(`filter ${list.url}: it is a file of that machine; give it as file:///…`);
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
