export interface HeartbeatSettings {
  /** Shortest time between a node's heartbeats. */
  readonly minTtlMs: number;
  /** Heartbeats of the whole cluster per second that the TTL aims at. */
  readonly maxPerSecond: number;
  /** A heartbeat may be this late. */
  readonly graceMs: number;
  /** After a new leader took over, nodes have this long to find it. */
  readonly failoverTtlMs: number;
}

export const DEFAULT_HEARTBEAT: HeartbeatSettings = {
  minTtlMs: 10_000,
  maxPerSecond: 50,
  graceMs: 10_000,
  failoverTtlMs: 300_000,
};

/**
 * When each node was due last. In memory only: a heartbeat writes nothing. Holds no clock: the caller says what time
 * it is (monotonic) and asks for {@link expired} at {@link nextMs}.
 * https://developer.hashicorp.com/nomad/docs/configuration/server#client-heartbeats
 */
export class Heartbeats {
  readonly #deadlines = new Map<string, number>();
  readonly #settings: HeartbeatSettings;

  constructor(settings: HeartbeatSettings = DEFAULT_HEARTBEAT) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#deadlines.size;
  }

  has(nodeId: string): boolean {
    return this.#deadlines.has(nodeId);
  }

  /** Starts or renews; `spread` in [0, 1) keeps nodes from coming all at once. Returns the TTL to tell the node. */
  renew(nodeId: string, nowMs: number, spread: number): number {
    const ttlMs = this.#ttlMs(spread);
    this.#deadlines.set(nodeId, nowMs + ttlMs + this.#settings.graceMs);
    return ttlMs;
  }

  #ttlMs(spread: number): number {
    const { minTtlMs, maxPerSecond } = this.#settings;
    const base = Math.max(minTtlMs, (this.#deadlines.size / maxPerSecond) * 1000);
    return Math.round(base * (1 + spread));
  }

  /** For nodes this server has only read about. */
  awaitFirst(nodeId: string, nowMs: number): void {
    if (!this.#deadlines.has(nodeId)) this.#deadlines.set(nodeId, nowMs + this.#settings.failoverTtlMs);
  }

  /** For nodes that others have lost: the longest that any node may be silent has to do, whatever they were given. */
  doubt(nodeId: string, nowMs: number): void {
    const deadline = this.#deadlines.get(nodeId);
    const longest = nowMs + this.#ttlMs(1) + this.#settings.graceMs;
    if (deadline !== undefined && deadline > longest) this.#deadlines.set(nodeId, longest);
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
