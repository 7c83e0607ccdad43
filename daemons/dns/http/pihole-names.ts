import { typeName } from "../packet/type-name.ts";
import { QUERY_STATUS, REPLY_KIND, type QueryStatus } from "../query-record.ts";

/** What Pi-hole calls a way to answer (https://docs.pi-hole.net/database/query-database/#supported-status-types). */
const STATUS_NAMES: Readonly<Record<keyof typeof QUERY_STATUS, string>> = {
  local: "CACHE",
  forwarded: "FORWARDED",
  cached: "CACHE",
  stale: "CACHE_STALE",
  blockedList: "GRAVITY",
  blockedRule: "DENYLIST",
  blockedRegex: "REGEX",
  blockedCname: "GRAVITY_CNAME",
  blockedSpecial: "SPECIAL_DOMAIN",
  blockedService: "DENYLIST",
  blockedUpstream: "EXTERNAL_BLOCKED_NULL",
  rewritten: "CACHE",
  rateLimited: "UNKNOWN",
  failed: "UNKNOWN",
  refused: "UNKNOWN",
};

/** Every name a dashboard may look for, in Pi-hole's order. */
export const STATUSES = [
  "UNKNOWN",
  "GRAVITY",
  "FORWARDED",
  "CACHE",
  "REGEX",
  "DENYLIST",
  "EXTERNAL_BLOCKED_IP",
  "EXTERNAL_BLOCKED_NULL",
  "EXTERNAL_BLOCKED_NXRA",
  "GRAVITY_CNAME",
  "REGEX_CNAME",
  "DENYLIST_CNAME",
  "RETRIED",
  "RETRIED_DNSSEC",
  "IN_PROGRESS",
  "DBBUSY",
  "SPECIAL_DOMAIN",
  "CACHE_STALE",
  "EXTERNAL_BLOCKED_EDE15",
] as const;

const BY_STATUS: ReadonlyMap<number, string> = new Map(
  Object.entries(STATUS_NAMES).map(([ours, name]) => [numberOf(QUERY_STATUS, ours), name]),
);

function numberOf(table: Readonly<Record<string, number>>, key: string): number {
  return table[key] ?? 0;
}

export function statusName(status: number): string {
  return BY_STATUS.get(status) ?? "UNKNOWN";
}

/** Ours that have that name; none: it is not known. */
export function statusesNamed(name: string): QueryStatus[] {
  return Object.values(QUERY_STATUS).filter((status) => statusName(status) === name.toUpperCase());
}

export const REPLIES = [
  "UNKNOWN",
  "NODATA",
  "NXDOMAIN",
  "CNAME",
  "IP",
  "DOMAIN",
  "RRNAME",
  "SERVFAIL",
  "REFUSED",
  "NOTIMP",
  "OTHER",
  "DNSSEC",
  "NONE",
  "BLOB",
] as const;

const BY_REPLY: ReadonlyMap<number, string> = new Map(
  Object.entries(REPLY_KIND).map(([name, number]) => [number, name.toUpperCase()]),
);

export function replyName(reply: number): string {
  return BY_REPLY.get(reply) ?? "UNKNOWN";
}

export function repliesNamed(name: string): number[] {
  return Object.values(REPLY_KIND).filter((reply) => replyName(reply) === name.toUpperCase());
}

/** The types counted one by one; the others are together in `OTHER`. */
export const TYPES = [
  "A",
  "AAAA",
  "ANY",
  "SRV",
  "SOA",
  "PTR",
  "TXT",
  "NAPTR",
  "MX",
  "DS",
  "RRSIG",
  "DNSKEY",
  "NS",
  "SVCB",
  "HTTPS",
] as const;

/** Counts under the names of a list of names, all of them there, and the rest under `other`. */
export function named(
  counts: Iterable<readonly [number, number]>,
  how: { readonly names: readonly string[]; readonly nameOf: (number: number) => string; readonly other: string },
): Record<string, number> {
  const sums = new Map<string, number>([...how.names, how.other].map((name) => [name, 0]));
  for (const [number, count] of counts) {
    const name = how.nameOf(number);
    const key = sums.has(name) ? name : how.other;
    sums.set(key, (sums.get(key) ?? 0) + count);
  }
  return Object.fromEntries(sums);
}

export function typeCounts(types: Iterable<readonly [number, number]>): Record<string, number> {
  return named(types, { names: TYPES, nameOf: typeName, other: "OTHER" });
}

export function statusCounts(statuses: Iterable<readonly [number, number]>): Record<string, number> {
  return named(statuses, { names: STATUSES, nameOf: statusName, other: "UNKNOWN" });
}

export function replyCounts(replies: Iterable<readonly [number, number]>): Record<string, number> {
  return named(replies, { names: REPLIES, nameOf: replyName, other: "UNKNOWN" });
}
