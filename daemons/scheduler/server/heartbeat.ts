/** Shortest time between a node's heartbeats. */
export const MIN_TTL_MS = 10_000;
/** Heartbeats of the whole cluster per second that the TTL aims at. */
export const MAX_HEARTBEATS_PER_SECOND = 50;
/** A heartbeat may be this late. */
export const GRACE_MS = 10_000;
/** After a new leader took over, nodes have this long to find it. */
export const FAILOVER_TTL_MS = 300_000;

/**
 * When each node was due last. In memory only: a heartbeat writes nothing. Holds no clock: the caller says what time
 * it is (monotonic) and asks for {@link expired} at {@link nextMs}.
 * https://developer.hashicorp.com/nomad/docs/configuration/server#client-heartbeats
 */
export class Heartbeats {
  readonly #deadlines = new Map<string, number>();

  get size(): number {
    return this.#deadlines.size;
  }

  has(nodeId: string): boolean {
    return this.#deadlines.has(nodeId);
  }

  /** Starts or renews; `spread` in [0, 1) keeps nodes from coming all at once. Returns the TTL to tell the node. */
  renew(nodeId: string, nowMs: number, spread: number): number {
    const base = Math.max(MIN_TTL_MS, (this.#deadlines.size / MAX_HEARTBEATS_PER_SECOND) * 1000);
    const ttlMs = Math.round(base * (1 + spread));
    this.#deadlines.set(nodeId, nowMs + ttlMs + GRACE_MS);
    return ttlMs;
  }

  /** For nodes this server has only read about. */
  awaitFirst(nodeId: string, nowMs: number): void {
    if (!this.#deadlines.has(nodeId)) this.#deadlines.set(nodeId, nowMs + FAILOVER_TTL_MS);
  }

  /** For nodes that missed their time and are waited for all the same. */
  awaitUntil(nodeId: string, deadlineMs: number): void {
    this.#deadlines.set(nodeId, deadlineMs);
  }

  forget(nodeId: string): void {
    this.#deadlines.delete(nodeId);
  }

  /** Takes out the nodes that missed their time. */
  expired(nowMs: number): string[] {
    const late = [...this.#deadlines].filter(([, deadline]) => deadline <= nowMs).map(([nodeId]) => nodeId);
    for (const nodeId of late) this.#deadlines.delete(nodeId);
    return late;
  }

  nextMs(): number | undefined {
    let next: number | undefined;
    for (const deadline of this.#deadlines.values()) if (next === undefined || deadline < next) next = deadline;
    return next;
  }
}
