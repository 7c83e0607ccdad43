import type { Clock } from "#base/env/clock.ts";
import type { LanPort } from "#base/env/lan.ts";
import { formatIpv4, type Ipv4 } from "../packet/ipv4.ts";

/** A neighbour that has the address answers within milliseconds. */
const WAIT_MS = 400;
/** An address nobody answered for is not asked about again so soon. */
const FRESH_MS = 600_000;
const MAX_REMEMBERED = 65_536;

/**
 * Asks the wire about an address while it is being offered. Nobody waits for it: the answer comes long before the client
 * could use the address, and turns its request down.
 */
export class ConflictWatch {
  readonly #clock: Clock;
  readonly #asked = new Map<Ipv4, number>();
  readonly #onConflict: (ip: Ipv4, mac: string) => void;

  constructor(clock: Clock, onConflict: (ip: Ipv4, mac: string) => void) {
    this.#clock = clock;
    this.#onConflict = onConflict;
  }

  /** `mac`: the client's own, which may answer. */
  look(port: LanPort, ip: Ipv4, mac: string): void {
    const now = this.#clock.monotonicMs();
    if (now - (this.#asked.get(ip) ?? -FRESH_MS) < FRESH_MS) return;
    if (this.#asked.size >= MAX_REMEMBERED) this.#asked.clear();
    this.#asked.set(ip, now);
    void port.whoHas(formatIpv4(ip), WAIT_MS).then((found) => {
      if (found !== undefined && found !== mac) this.#onConflict(ip, found);
    });
  }
}
