import type { Clock } from "#base/env/clock.ts";
import { formatIpv4, type Ipv4 } from "../packet/ipv4.ts";

const AGAIN_MS = 3_600_000;
const MAX_ROGUES = 256;

export interface Rogue {
  readonly ip: string;
  readonly interface: string;
  readonly seen: number;
  readonly lastMs: number;
}

/** Other DHCP servers on the wire: clients name the server they chose, for everybody to hear (RFC 2131 §3.1). */
export class Rogues {
  readonly #clock: Clock;
  readonly #found = new Map<Ipv4, Rogue & { readonly toldMs: number }>();
  readonly #onFound: (rogue: Rogue) => void;

  /** `onFound` is told once an hour while it goes on. */
  constructor(clock: Clock, onFound: (rogue: Rogue) => void) {
    this.#clock = clock;
    this.#onFound = onFound;
  }

  list(): readonly Rogue[] {
    return [...this.#found.values()].map(({ ip, interface: name, seen, lastMs }) => ({
      ip,
      interface: name,
      seen,
      lastMs,
    }));
  }

  saw(ip: Ipv4, on: string): void {
    const now = this.#clock.monotonicMs();
    const before = this.#found.get(ip);
    if (before === undefined && this.#found.size >= MAX_ROGUES) return;
    const isNews = before === undefined || now - before.toldMs > AGAIN_MS;
    const rogue = { ip: formatIpv4(ip), interface: on, seen: (before?.seen ?? 0) + 1, lastMs: this.#clock.nowMs() };
    this.#found.set(ip, { ...rogue, toldMs: isNews ? now : before.toldMs });
    if (isNews) this.#onFound(rogue);
  }
}
