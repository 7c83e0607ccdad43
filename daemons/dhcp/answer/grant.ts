import type { Authority } from "../leases/authority.ts";
import { isHeld, type Lease } from "../leases/lease.ts";
import type { LeaseTable } from "../leases/lease-table.ts";
import type { Ipv4 } from "../packet/ipv4.ts";
import { INFINITE_MS } from "../settings/settings.ts";
import type { LeaseChange } from "./decision.ts";
import { leaseMsFor, nameFor, type Party } from "./party.ts";

/** A renewal this early in a lease's life is answered from it, without a write: a client that asks twice, or reboots in circles. */
const EARLY = 0.1;
/** Less is no lease. */
const LEAST_MS = 5000;

interface Deps {
  readonly table: LeaseTable;
  readonly authority: Authority;
}

export interface Granted {
  /** What the client is told. */
  readonly leaseMs: number;
  /** Undefined: what stands is enough. */
  readonly change: LeaseChange | undefined;
}

/** The lease a client gets on an address it may have; undefined where this instance may promise nothing there now. */
export function grant(
  { table, authority }: Deps,
  to: { readonly party: Party; readonly ip: Ipv4; readonly nowMs: number },
): Granted | undefined {
  const { party, ip, nowMs } = to;
  const before = table.get(ip);
  // What is not durable is nothing to build on.
  const isRenewal = before?.client === party.client.key && isHeld(before, nowMs) && !table.isPending(ip);
  const endMs = endFor({ table, authority }, to);
  if (endMs - nowMs < LEAST_MS) {
    const leaseMs = isRenewal ? before.endMs - nowMs : 0;
    return leaseMs < LEAST_MS ? undefined : { leaseMs, change: undefined };
  }
  const name = uniqueName(table, party, { ip, nowMs });
  if (isRenewal && before.name === name && isEarly(before, nowMs) && before.endMs <= endMs)
    return { leaseMs: remaining(before.endMs, nowMs), change: undefined };
  const { client, subnet } = party;
  const lease: Lease = {
    ip,
    subnet: subnet.id,
    client: client.key,
    mac: client.mac,
    name,
    vendor: client.vendorClass.slice(0, 64),
    state: "bound",
    startMs: nowMs,
    endMs: isRenewal ? Math.max(endMs, before.endMs) : endMs,
  };
  const event = isRenewal ? "renewed" : "granted";
  return { leaseMs: remaining(lease.endMs, nowMs), change: { lease, before, event } };
}

/** The address to offer: reserved, had before, offered before, or fresh. */
export function offerable(
  { table, authority }: Deps,
  party: Party,
  nowMs: number,
): { readonly ip: Ipv4; readonly leaseMs: number } | undefined {
  const ip = addressFor({ table, authority }, party, nowMs);
  if (ip === undefined) return undefined;
  const leaseMs = remaining(endFor({ table, authority }, { party, ip, nowMs }), nowMs);
  return leaseMs < LEAST_MS ? undefined : { ip, leaseMs };
}

function addressFor({ table, authority }: Deps, party: Party, nowMs: number): Ipv4 | undefined {
  const { client, subnet, reservation, tags } = party;
  if (reservation?.ip !== undefined) {
    const holder = table.get(reservation.ip);
    const isOthers =
      holder !== undefined && holder.client !== client.key && holder.endMs > nowMs && holder.state !== "released";
    if (!isOthers) return reservation.ip;
  }
  const lease = table.leaseOf(subnet.id, client.key);
  if (lease !== undefined && isUsable({ table, authority }, lease, nowMs)) return lease.ip;
  const offer = table.offerOf(subnet.id, client.key, nowMs);
  if (offer !== undefined && table.get(offer.ip)?.state !== "declined") return offer.ip;
  return table.pick({ subnet, client: client.key, tags, wanted: client.requested }, authority, nowMs);
}

/** A client's old address is still for it. */
function isUsable({ table, authority }: Deps, lease: Lease, nowMs: number): boolean {
  if (table.isSetAside(lease.ip) || table.homeOf(lease.ip) === undefined) return false;
  if (lease.state === "declined") return false;
  const offer = table.offerAt(lease.ip, nowMs);
  if (offer !== undefined && offer.client !== lease.client) return false;
  return isHeld(lease, nowMs) || table.isFree(lease, authority, nowMs) || offer !== undefined;
}

function endFor(
  { table, authority }: Deps,
  { party, ip, nowMs }: { readonly party: Party; readonly ip: Ipv4; readonly nowMs: number },
): number {
  const leaseMs = leaseMsFor(party);
  const wanted = leaseMs === INFINITE_MS ? INFINITE_MS : nowMs + leaseMs;
  const before = table.get(ip);
  const current = before?.client === party.client.key ? before : undefined;
  return Math.min(wanted, authority.latestEnd({ ip, current }, nowMs));
}

/** Two machines of one name: the first keeps it. A reserved name is its client's in any case. */
function uniqueName(
  table: LeaseTable,
  party: Party,
  { ip, nowMs }: { readonly ip: Ipv4; readonly nowMs: number },
): string {
  const name = nameFor(party);
  if (name === "" || party.reservation?.name === name) return name;
  const holder = table.holderOfName(party.subnet.id, name);
  return holder === undefined || holder.ip === ip || holder.client === party.client.key || !isHeld(holder, nowMs)
    ? name
    : "";
}

function isEarly({ startMs, endMs }: Lease, nowMs: number): boolean {
  return endMs === INFINITE_MS || nowMs - startMs < (endMs - startMs) * EARLY;
}

function remaining(endMs: number, nowMs: number): number {
  return endMs === INFINITE_MS ? INFINITE_MS : endMs - nowMs;
}
