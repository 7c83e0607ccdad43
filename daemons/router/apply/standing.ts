import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { list, text } from "#base/protocol/schema.ts";
import { MAIN_TABLE, type Desired, type WantedPolicy, type WantedRoute } from "../plan/desired.ts";
import { TABLE } from "../plan/ruleset.ts";

/** Marks routes and policy rules as ours (rtnetlink's protocol field; numbers above 4 are the administrator's). */
export const PROTOCOL = "213";

export interface StandingLink {
  readonly kind: string;
  readonly up: boolean;
  readonly master: string;
  readonly mac: string;
  readonly mtu: number;
}

/** What stands on this machine of the things a plan speaks of. */
export interface Standing {
  readonly links: ReadonlyMap<string, StandingLink>;
  /** `device address/length`, whoever put them there. */
  readonly addresses: ReadonlySet<string>;
  /** Ours only. */
  readonly routes: readonly WantedRoute[];
  /** Ours only, as {@link policyKey}. */
  readonly policies: ReadonlyMap<string, { readonly family: 4 | 6; readonly priority: number }>;
  readonly settings: ReadonlyMap<string, string>;
  /** How nft lists our table; empty: there is none. */
  readonly listing: string;
  /** Devices with CAKE on them. */
  readonly shaped: ReadonlySet<string>;
}

const LinkSchema = v.object({
  ifname: v.string(),
  flags: v.array(v.string()),
  mtu: v.number(),
  master: text,
  address: text,
  linkinfo: v.nullish(v.object({ info_kind: text }), { info_kind: "" }),
});
const AddressSchema = v.object({
  ifname: text,
  addr_info: list(v.object({ local: text, prefixlen: v.nullish(v.number(), 0), scope: text, address: text })),
});
export const RouteSchema = v.object({
  type: v.nullish(v.string(), "unicast"),
  dst: v.string(),
  gateway: text,
  dev: text,
  table: v.nullish(v.string(), "main"),
  metric: v.nullish(v.number(), 0),
});
const PolicySchema = v.object({
  priority: v.number(),
  src: text,
  fwmark: text,
  table: text,
  protocol: v.nullish(v.union([v.string(), v.number()]), ""),
});
const QdiscSchema = v.object({ kind: text, dev: text });

/** Looks. Fails only where the machine cannot be asked at all. */
export async function readStanding(env: Env, settings: Iterable<string>): Promise<Result<Standing>> {
  const ask = asker(env);
  const [links, addresses, routes4, routes6, rules4, rules6, qdiscs] = await Promise.all([
    ask(["ip", "-j", "-d", "link"], LinkSchema),
    ask(["ip", "-j", "address"], AddressSchema),
    ask(["ip", "-j", "-4", "route", "show", "table", "all", "proto", PROTOCOL], RouteSchema),
    ask(["ip", "-j", "-6", "route", "show", "table", "all", "proto", PROTOCOL], RouteSchema),
    ask(["ip", "-j", "-4", "rule"], PolicySchema),
    ask(["ip", "-j", "-6", "rule"], PolicySchema),
    ask(["tc", "-j", "qdisc", "show"], QdiscSchema),
  ]);
  if (!links.ok) return links;
  if (!addresses.ok) return addresses;
  const rows = <T>(result: Result<readonly T[]>): readonly T[] => (result.ok ? result.value : []);
  return succeed({
    links: new Map(links.value.map((each) => [each.ifname, linkOf(each)])),
    addresses: new Set(
      addresses.value.flatMap(({ ifname, addr_info }) =>
        addr_info.map((each) => `${ifname} ${each.local}/${each.prefixlen}`),
      ),
    ),
    routes: [...rows(routes4).map((each) => routeOf(4, each)), ...rows(routes6).map((each) => routeOf(6, each))],
    policies: new Map([...policiesOf(4, rows(rules4)), ...policiesOf(6, rows(rules6))]),
    settings: await readSettings(env, settings),
    listing: await readListing(env),
    shaped: new Set(rows(qdiscs).flatMap(({ kind, dev }) => (kind === "cake" ? [dev] : []))),
  });
}

/** The table as nft shows it, without counters and what changes by itself; empty: there is none. */
export async function readListing(env: Env): Promise<string> {
  const { code, stdout } = await env.exec.run(["nft", "-s", "list", "table", ...TABLE.split(" ")]);
  return code === 0 ? stdout : "";
}

/** The addresses of one interface with the other end of a point-to-point line. */
export async function readAddresses(env: Env, device: string): Promise<readonly string[]> {
  const read = await asker(env)(["ip", "-j", "address", "show", "dev", device], AddressSchema);
  if (!read.ok) return [];
  return read.value.flatMap(({ addr_info }) =>
    addr_info.flatMap((each) => (each.scope === "global" ? [`${each.local}/${each.prefixlen}`] : [])),
  );
}

/** What tells one policy rule of ours from another. */
export function policyKey({ family, priority, match, table }: WantedPolicy): string {
  return [family, priority, ...(match.length === 0 ? ["from", "all"] : match), table].join(" ");
}

export function settingPath(path: string): string {
  return `/proc/sys/${path}`;
}

function asker(env: Env) {
  return async <T>(argv: readonly string[], row: v.GenericSchema<unknown, T>): Promise<Result<readonly T[]>> => {
    const { code, stdout, stderr } = await env.exec.run(argv, { maxOutputBytes: 16 * 1024 * 1024 });
    if (code !== 0)
      return fail(
        "router_look",
        `${argv.join(" ")} failed: ${stderr.trim() || `exit code ${code}`}`,
        "install iproute2, run as root",
      );
    try {
      // ip prints nothing at all, or empty objects, where a filter leaves nothing.
      const all: unknown = stdout.trim() === "" ? [] : JSON.parse(stdout);
      const raw = v.parse(v.array(v.unknown()), all);
      return succeed(
        raw.flatMap((each) => {
          const read = v.safeParse(row, each);
          return read.success ? [read.output] : [];
        }),
      );
    } catch {
      return fail(
        "router_look",
        `${argv.join(" ")} answered with something else than JSON`,
        "see its version: iproute2 6 is known to work",
      );
    }
  };
}

function linkOf({ flags, mtu, master, address, linkinfo }: v.InferOutput<typeof LinkSchema>): StandingLink {
  return { kind: linkinfo.info_kind, up: flags.includes("UP"), master, mac: address, mtu };
}

function routeOf(family: 4 | 6, route: v.InferOutput<typeof RouteSchema>): WantedRoute {
  return {
    family,
    table: tableOf(route.table),
    kind: route.type === "unreachable" ? "unreachable" : "unicast",
    to: route.dst === "default" || route.dst.includes("/") ? route.dst : `${route.dst}/${family === 4 ? 32 : 128}`,
    via: route.gateway,
    device: route.type === "unreachable" ? "" : route.dev,
    metric: route.metric,
  };
}

function tableOf(name: string): number {
  return name === "main" ? MAIN_TABLE : Number(name);
}

function policiesOf(
  family: 4 | 6,
  rules: readonly v.InferOutput<typeof PolicySchema>[],
): readonly (readonly [string, { readonly family: 4 | 6; readonly priority: number }])[] {
  return rules.flatMap(({ priority, src, fwmark, table, protocol }) => {
    if (String(protocol) !== PROTOCOL) return [];
    const match = fwmark === "" ? ["from", src === "" ? "all" : src] : ["fwmark", `${fwmark}/0xff`];
    const key = [family, priority, ...match, tableOf(table)].join(" ");
    return [[key, { family, priority }] as const];
  });
}

async function readSettings(env: Env, paths: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const read = await env.disk.read(settingPath(path)).catch(() => undefined);
    if (read !== undefined) found.set(path, textOf(read).trim());
  }
  return found;
}

/** All paths a plan and what was set before may touch. */
export function settingsToRead(
  desired: Desired,
  owned: { readonly settings: Readonly<Record<string, string>> },
): ReadonlySet<string> {
  return new Set([...desired.settings.keys(), ...Object.keys(owned.settings)]);
}
