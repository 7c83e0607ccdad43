interface Broadcast {
  /** Whom it is about: newer news of the same member replaces it. */
  readonly about: string;
  readonly message: Uint8Array;
  readonly sequence: number;
  transmits: number;
  /** When it was sent often enough, or replaced. */
  readonly done: (() => void) | undefined;
}

/**
 * News to send along with other packets. What was sent least often goes first, then what is longest, then what is
 * newest; after `retransmitMultiplier × ⌈log10(n + 1)⌉` times it is dropped (SWIM §4.1). There is at most one per member.
 */
export class BroadcastQueue {
  /** By number of transmissions so far; each sorted with what goes first at the end. */
  readonly #tiers: (Broadcast[] | undefined)[] = [];
  readonly #byMember = new Map<string, Broadcast>();
  #sequence = 0;

  get size(): number {
    return this.#byMember.size;
  }

  push(about: string, message: Uint8Array, done?: () => void): void {
    const older = this.#byMember.get(about);
    if (older !== undefined) this.#remove(older);
    this.#sequence += 1;
    const broadcast = { about, message, sequence: this.#sequence, transmits: 0, done };
    this.#byMember.set(about, broadcast);
    this.#insert(broadcast);
    older?.done?.();
  }

  /** Messages that fit, each with `overhead` bytes around it, into `limit`. Each may be sent `transmitLimit` times. */
  take({ overhead, limit, transmitLimit }: { overhead: number; limit: number; transmitLimit: number }): Uint8Array[] {
    if (this.#byMember.size === 0) return [];
    const taken: Broadcast[] = [];
    let free = limit;
    for (const tier of this.#tiers) {
      if (tier === undefined) continue;
      // Longest first, so one pass finds each that still fits.
      for (let at = tier.length - 1; at >= 0 && free > overhead; at--) {
        const broadcast = tier[at];
        if (broadcast === undefined || broadcast.message.length + overhead > free) continue;
        free -= broadcast.message.length + overhead;
        tier.splice(at, 1);
        taken.push(broadcast);
      }
    }
    for (const broadcast of taken) this.#sent(broadcast, transmitLimit);
    return taken.map((broadcast) => broadcast.message);
  }

  /** Whether news of this member waits. */
  has(about: string): boolean {
    return this.#byMember.has(about);
  }

  #sent(broadcast: Broadcast, transmitLimit: number): void {
    broadcast.transmits += 1;
    if (broadcast.transmits < transmitLimit) {
      this.#insert(broadcast);
      return;
    }
    this.#byMember.delete(broadcast.about);
    broadcast.done?.();
  }

  #insert(broadcast: Broadcast): void {
    const tier = (this.#tiers[broadcast.transmits] ??= []);
    let [low, high] = [0, tier.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = tier[middle];
      if (other !== undefined && goesFirst(broadcast, other)) low = middle + 1;
      else high = middle;
    }
    if (low === tier.length) tier.push(broadcast);
    else tier.splice(low, 0, broadcast);
  }

  #remove(broadcast: Broadcast): void {
    const tier = this.#tiers[broadcast.transmits];
    const at = tier?.indexOf(broadcast) ?? -1;
    if (at >= 0) tier?.splice(at, 1);
  }
}

function goesFirst(a: Broadcast, b: Broadcast): boolean {
  return a.message.length === b.message.length ? a.sequence > b.sequence : a.message.length > b.message.length;
}
