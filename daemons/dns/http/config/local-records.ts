import { fail, succeed, type Result } from "#base/env/errors.ts";
import { addressFamily } from "#base/protocol/dns/address.ts";
import type { Settings } from "../../settings/settings.ts";

type LocalRecord = Settings["local"]["records"][number];

/** `192.168.1.5 nas.lan files.lan`: Pi-hole's form of addresses of names. Names of one address share a line. */
export function hostLines(records: readonly LocalRecord[]): string[] {
  const names = new Map<string, string[]>();
  for (const { name, type, value } of records)
    if (type === "A" || type === "AAAA") names.set(value, [...(names.get(value) ?? []), name]);
  return [...names].map(([address, all]) => `${address} ${all.join(" ")}`);
}

export function withHostLines(settings: Settings, lines: readonly string[]): Result<Settings> {
  const records: LocalRecord[] = [];
  for (const line of lines) {
    const [address = "", ...names] = line
      .replace(/#.*$/, "")
      .trim()
      .split(/[\s,]+/);
    const family = addressFamily(address);
    if (family === undefined || names.length === 0)
      return fail("bad_request", `dns.hosts: ${JSON.stringify(line)} is no host`, "expected ADDRESS NAME [NAME]…");
    const type = family === 4 ? "A" : "AAAA";
    for (const name of names) records.push({ name: name.toLowerCase(), type, value: address, comment: "" });
  }
  return succeed(withRecords(settings, ["A", "AAAA"], records));
}

/** `alias,target` or `alias,target,ttl`. */
export function cnameLines(records: readonly LocalRecord[]): string[] {
  return records
    .filter(({ type }) => type === "CNAME")
    .map(({ name, value, ttl }) => [name, value, ...(ttl === undefined ? [] : [String(ttl)])].join());
}

export function withCnameLines(settings: Settings, lines: readonly string[]): Result<Settings> {
  const records: LocalRecord[] = [];
  for (const line of lines) {
    const parts = line.split(",").map((part) => part.trim());
    const ttl = parts.length > 2 && /^\d{1,9}$/.test(parts.at(-1) ?? "") ? Number(parts.pop()) : undefined;
    const target = parts.pop();
    if (target === undefined || target === "" || parts.length === 0 || parts.includes(""))
      return fail(
        "bad_request",
        `dns.cnameRecords: ${JSON.stringify(line)} is no alias`,
        "expected ALIAS,TARGET or ALIAS,TARGET,TTL",
      );
    for (const name of parts)
      records.push({ name, type: "CNAME", value: target, comment: "", ...(ttl === undefined ? {} : { ttl }) });
  }
  return succeed(withRecords(settings, ["CNAME"], records));
}

function withRecords(settings: Settings, types: readonly string[], records: readonly LocalRecord[]): Settings {
  const others = settings.local.records.filter(({ type }) => !types.includes(type));
  return { ...settings, local: { ...settings.local, records: [...others, ...records] } };
}

/** `ENABLED,NETWORK,SERVER,DOMAIN`: one of ours per network and per domain. */
export function reverseServerLines(conditional: Settings["conditional"]): string[] {
  return conditional.flatMap(({ match, servers, enabled }) =>
    servers.map((server) =>
      match.includes("/") ? `${enabled},${match},${server},` : `${enabled},,${server},${match}`,
    ),
  );
}

export function withReverseServerLines(settings: Settings, lines: readonly string[]): Result<Settings> {
  const conditional = new Map<string, Settings["conditional"][number]>();
  for (const line of lines) {
    const [enabled = "", network = "", server = "", domain = ""] = line.split(",").map((part) => part.trim());
    if (!/^(?:true|false)$/.test(enabled) || server === "" || (network === "" && domain === ""))
      return fail(
        "bad_request",
        `dns.revServers: ${JSON.stringify(line)} is no server`,
        "expected true|false,NETWORK,SERVER[,DOMAIN]",
      );
    for (const match of [network, domain].filter((one) => one !== "")) {
      const known = conditional.get(match);
      const servers = [...(known?.servers ?? []), fromDnsmasq(server)];
      conditional.set(match, { match, servers, enabled: enabled === "true" });
    }
  }
  return succeed({ ...settings, conditional: [...conditional.values()] });
}

/** dnsmasq writes `ADDRESS#PORT`, for IPv6 too. */
export function fromDnsmasq(server: string): string {
  const [, address = "", port] = /^([^#]*)#(\d{1,5})$/.exec(server.trim()) ?? [];
  if (port === undefined) return server;
  return addressFamily(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}
