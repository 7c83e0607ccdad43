import { isInside } from "../packet/ipv4.ts";
import type { Reservation, Subnet } from "../settings/settings.ts";
import type { Client } from "./client.ts";
import { hardwareKey } from "./client-key.ts";

/** Reservations by whom they are for. A client may have one in each of several networks. */
export class Reservations {
  readonly #byKey = new Map<string, Reservation[]>();
  readonly #byName = new Map<string, Reservation[]>();

  constructor(reservations: readonly Reservation[]) {
    for (const reservation of reservations) {
      for (const key of reservation.clients) push(this.#byKey, key, reservation);
      if (reservation.clients.length === 0) push(this.#byName, reservation.hostname, reservation);
    }
  }

  /** The client identifier counts before the hardware address, and that before the name. */
  find(client: Client, subnet: Subnet): Reservation | undefined {
    const hardware = hardwareKey(1, Buffer.from(client.mac.replaceAll(":", ""), "hex"));
    const candidates = [
      ...(this.#byKey.get(client.key) ?? []),
      ...(this.#byKey.get(hardware) ?? []),
      ...(client.name === "" ? [] : (this.#byName.get(client.name) ?? [])),
    ];
    return (
      candidates.find(({ ip }) => ip !== undefined && isInside(ip, subnet.network)) ??
      candidates.find(({ ip }) => ip === undefined)
    );
  }
}

function push(map: Map<string, Reservation[]>, key: string, reservation: Reservation): void {
  const others = map.get(key);
  if (others === undefined) map.set(key, [reservation]);
  else others.push(reservation);
}
