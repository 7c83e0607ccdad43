import type { Ipv4 } from "../packet/ipv4.ts";
import type { Reservation, Settings, Subnet } from "../settings/settings.ts";
import type { Client } from "./client.ts";
import type { Reservations } from "./reservations.ts";
import { tagsOf } from "./tags.ts";

/** A client in a subnet, with what is laid down for it there. */
export interface Party {
  readonly client: Client;
  readonly subnet: Subnet;
  readonly reservation: Reservation | undefined;
  readonly tags: ReadonlySet<string>;
  /** Instead of what reservation and network say. */
  readonly leaseMs?: number;
  /** This server as the client knows it: its own address, or the relay's (RFC 5107). */
  readonly serverId: Ipv4;
}

export function partyIn(
  subnet: Subnet,
  of: {
    readonly client: Client;
    readonly settings: Settings;
    readonly reservations: Reservations;
    readonly serverId: Ipv4;
  },
): Party {
  const { client, settings, serverId } = of;
  const reservation = of.reservations.find(client, subnet);
  return { client, subnet, reservation, serverId, tags: tagsOf(client, settings.classes, reservation?.tags) };
}

/** What the client may use, at most, in one go. */
export function leaseMsFor({ leaseMs, reservation, subnet }: Party): number {
  return leaseMs ?? reservation?.leaseMs ?? subnet.leaseMs;
}

/** The name it gets: the reserved one, else its own. */
export function nameFor({ reservation, client }: Party): string {
  return reservation === undefined || reservation.name === "" ? client.name : reservation.name;
}
