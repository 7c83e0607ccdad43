import * as v from "valibot";

const texts = v.nullish(v.array(v.string()), []);
const flag = v.nullish(v.boolean());
const number = v.nullish(v.number());
const FilterSchema = v.looseObject({
  enabled: v.nullish(v.boolean(), true),
  url: v.string(),
  name: v.nullish(v.string(), ""),
});
const SafeSearchSchema = v.nullish(v.looseObject({ enabled: v.nullish(v.boolean(), false) }));
/** A list of names, in files of 2022 and before. A schedule has a key for each day on which services are let through. */
const ServicesSchema = v.nullish(
  v.union([
    v.array(v.string()),
    v.looseObject({ ids: texts, schedule: v.nullish(v.record(v.string(), v.unknown()), {}) }),
  ]),
);
const ClientSchema = v.looseObject({
  name: v.string(),
  ids: texts,
  upstreams: texts,
  use_global_settings: v.nullish(v.boolean(), true),
  filtering_enabled: v.nullish(v.boolean(), true),
  safe_search: SafeSearchSchema,
  use_global_blocked_services: v.nullish(v.boolean(), true),
  blocked_services: ServicesSchema,
});
const RewriteSchema = v.looseObject({ domain: v.string(), answer: v.string(), enabled: v.nullish(v.boolean(), true) });
/** Hours as `2160h`, or days. */
const interval = v.nullish(v.union([v.string(), v.number()]));
/** Until 2023 these stood in `dns`. */
const moved = {
  rewrites: v.nullish(v.array(RewriteSchema), []),
  protection_enabled: flag,
  filtering_enabled: flag,
  blocking_mode: v.nullish(v.string()),
  blocking_ipv4: v.nullish(v.string()),
  blocking_ipv6: v.nullish(v.string()),
  blocked_response_ttl: number,
  filters_update_interval: number,
  blocked_services: ServicesSchema,
  safe_search: SafeSearchSchema,
};
const enabled = v.nullish(v.looseObject({ enabled: flag }));

/** AdGuard Home's settings file (https://github.com/AdguardTeam/AdGuardHome/wiki/Configuration), and older ones'. */
export const FileSchema = v.looseObject({
  users: v.nullish(v.array(v.unknown()), []),
  dhcp: enabled,
  tls: enabled,
  dns: v.nullish(
    v.looseObject({
      ...moved,
      upstream_dns: texts,
      upstream_dns_file: v.nullish(v.string(), ""),
      bootstrap_dns: texts,
      upstream_mode: v.nullish(v.string(), ""),
      all_servers: flag,
      fastest_addr: flag,
      use_private_ptr_resolvers: v.nullish(v.boolean(), true),
      local_ptr_upstreams: texts,
      allowed_clients: texts,
      disallowed_clients: texts,
      ratelimit: number,
      cache_enabled: v.nullish(v.boolean(), true),
      cache_size: number,
      cache_ttl_min: number,
      cache_ttl_max: number,
      enable_dnssec: v.nullish(v.boolean(), false),
      querylog_enabled: flag,
      querylog_interval: interval,
    }),
    {},
  ),
  filtering: v.nullish(v.looseObject(moved), {}),
  filters: v.nullish(v.array(FilterSchema), []),
  whitelist_filters: v.nullish(v.array(FilterSchema), []),
  user_rules: texts,
  clients: v.nullish(
    v.union([v.array(ClientSchema), v.looseObject({ persistent: v.nullish(v.array(ClientSchema), []) })]),
    [],
  ),
  querylog: v.nullish(v.looseObject({ enabled: flag, interval }), {}),
});

export type AdGuardFile = v.InferOutput<typeof FileSchema>;
export type AdGuardClient = v.InferOutput<typeof ClientSchema>;
export type AdGuardServices = v.InferOutput<typeof ServicesSchema>;
