import type { GossipSettings } from "../presets.ts";

/** The shortest time a suspect of `members` members is given (SWIM §4.2; the logarithm is memberlist's). */
export function shortestSuspicionMs(settings: GossipSettings, members: number): number {
  const scale = Math.max(1, Math.log10(Math.max(1, members)));
  return settings.suspicionMultiplier * scale * settings.probeIntervalMs;
}

/**
 * Lifeguard's dynamic suspicion: it starts with the longest time, and each other member that confirms brings it nearer
 * to the shortest: `max − (max − min) × ln(c + 1) / ln(k + 1)` after `c` of `k` confirmations.
 */
export class Suspicion {
  readonly #startedMs: number;
  readonly #wanted: number;
  readonly #shortestMs: number;
  readonly #longestMs: number;
  /** Who said so; the first one does not count as a confirmation. */
  readonly #from: Set<string>;

  constructor(settings: GossipSettings, { members, from, nowMs }: { members: number; from: string; nowMs: number }) {
    const wanted = settings.suspicionMultiplier - 2;
    // In a small cluster there are not enough others to wait for.
    this.#wanted = members - 2 < wanted ? 0 : wanted;
    this.#shortestMs = shortestSuspicionMs(settings, members);
    this.#longestMs = this.#shortestMs * settings.suspicionMaxMultiplier;
    this.#startedMs = nowMs;
    this.#from = new Set([from]);
  }

  /** When it runs out, on the clock that `nowMs` came from. */
  get endsMs(): number {
    return this.#startedMs + this.#durationMs();
  }

  /** True when this one's word was new and counts: it should be passed on. */
  confirm(from: string): boolean {
    if (this.#from.size - 1 >= this.#wanted || this.#from.has(from)) return false;
    this.#from.add(from);
    return true;
  }

  #durationMs(): number {
    if (this.#wanted < 1) return this.#shortestMs;
    const share = Math.log(this.#from.size) / Math.log(this.#wanted + 1);
    return Math.max(this.#shortestMs, Math.floor(this.#longestMs - share * (this.#longestMs - this.#shortestMs)));
  }
}
