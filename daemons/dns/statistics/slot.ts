import { isBlocked, QUERY_STATUS, REPLY_KIND, type QueryRecord } from "../query-record.ts";
import { TOLD_CLIENTS, TOLD_UPSTREAMS, type SlotDigest } from "./digest.ts";
import { leading, TopCounts } from "./top-counts.ts";

/** Clients told apart in ten minutes; of a flood of addresses the rare ones are counted together. */
export const MAX_SLOT_CLIENTS = 500;
const MAX_SLOT_UPSTREAMS = 100;
/** Types that people's programs ask for; others are counted more slowly. */
const LOW_TYPES = 128;
const STATUSES = Object.keys(QUERY_STATUS).length;
const REPLIES = Object.keys(REPLY_KIND).length;

export interface UpstreamTimes {
  count: number;
  /** Of answers' times, ms, and of their squares. */
  sumMs: number;
  sumOfSquares: number;
}

/** Everything counted in a span of time but names. */
export class Slot {
  total = 0;
  blocked = 0;
  cached = 0;
  forwarded = 0;
  readonly statuses = new Uint32Array(STATUSES);
  readonly replies = new Uint32Array(REPLIES);
  readonly #types = new Uint32Array(LOW_TYPES);
  readonly #highTypes = new Map<number, number>();
  readonly clients = new TopCounts(MAX_SLOT_CLIENTS);
  readonly blockedClients = new TopCounts(MAX_SLOT_CLIENTS);
  readonly upstreams = new Map<string, UpstreamTimes>();

  add(record: QueryRecord, client: string | undefined): void {
    const { status, reply, type, upstream, durationMs } = record;
    this.total += 1;
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    this.replies[reply] = (this.replies[reply] ?? 0) + 1;
    if (type < LOW_TYPES) this.#types[type] = (this.#types[type] ?? 0) + 1;
    else this.addType(type, 1);
    if (client !== undefined) this.clients.add(client);
    if (isBlocked(status)) {
      this.blocked += 1;
      if (client !== undefined) this.blockedClients.add(client);
    } else if (isFromHere(status)) this.cached += 1;
    else if (status === QUERY_STATUS.forwarded) this.forwarded += 1;
    if (upstream !== "") this.#addUpstream(upstream, durationMs);
  }

  /** How often each type was asked for. */
  get types(): ReadonlyMap<number, number> {
    const low = [...this.#types.entries()].filter(([, count]) => count > 0);
    return new Map([...low, ...this.#highTypes]);
  }

  addType(type: number, by: number): void {
    if (type < LOW_TYPES) this.#types[type] = (this.#types[type] ?? 0) + by;
    else this.#highTypes.set(type, (this.#highTypes.get(type) ?? 0) + by);
  }

  /** Counts what another instance counted in the same span. */
  absorb(told: SlotDigest): void {
    this.total += told.total;
    this.blocked += told.blocked;
    this.cached += told.cached;
    this.forwarded += told.forwarded;
    for (const [at, count] of told.statuses.entries()) this.statuses[at] = (this.statuses[at] ?? 0) + count;
    for (const [at, count] of told.replies.entries()) this.replies[at] = (this.replies[at] ?? 0) + count;
    for (const [type, count] of Object.entries(told.types)) this.addType(Number(type), count);
    for (const [client, count] of Object.entries(told.clients)) this.clients.add(client, count);
    for (const [client, count] of Object.entries(told.blockedClients)) this.blockedClients.add(client, count);
    for (const [upstream, [count, sumMs, sumOfSquares]] of Object.entries(told.upstreams))
      addTimes(this.upstreams, upstream, { count, sumMs, sumOfSquares });
  }

  #addUpstream(upstream: string, durationMs: number): void {
    const known = this.upstreams.get(upstream);
    if (known !== undefined) {
      known.count += 1;
      known.sumMs += durationMs;
      known.sumOfSquares += durationMs * durationMs;
    } else if (this.upstreams.size < MAX_SLOT_UPSTREAMS) {
      this.upstreams.set(upstream, { count: 1, sumMs: durationMs, sumOfSquares: durationMs * durationMs });
    }
  }
}

function addTimes(to: Map<string, UpstreamTimes>, upstream: string, times: UpstreamTimes): void {
  const known = to.get(upstream);
  if (known === undefined) {
    to.set(upstream, { ...times });
    return;
  }
  known.count += times.count;
  known.sumMs += times.sumMs;
  known.sumOfSquares += times.sumOfSquares;
}

/** Answered without asking anybody. */
export function isFromHere(status: number): boolean {
  return status === QUERY_STATUS.cached || status === QUERY_STATUS.stale || status === QUERY_STATUS.local;
}

/** Sums of several. */
export function sumSlots(slots: Iterable<Slot>): Slot {
  const sum = new Slot();
  for (const slot of slots) {
    sum.total += slot.total;
    sum.blocked += slot.blocked;
    sum.cached += slot.cached;
    sum.forwarded += slot.forwarded;
    for (const [at, count] of slot.statuses.entries()) sum.statuses[at] = (sum.statuses[at] ?? 0) + count;
    for (const [at, count] of slot.replies.entries()) sum.replies[at] = (sum.replies[at] ?? 0) + count;
    for (const [type, count] of slot.types) sum.addType(type, count);
    for (const [upstream, times] of slot.upstreams) addTimes(sum.upstreams, upstream, times);
  }
  return sum;
}

/** For other instances; `at`: the span's number. */
export function slotDigest(at: number, slot: Slot): SlotDigest {
  const { total, blocked, cached, forwarded } = slot;
  const upstreams = [...slot.upstreams].slice(0, TOLD_UPSTREAMS);
  return {
    at,
    total,
    blocked,
    cached,
    forwarded,
    statuses: [...slot.statuses],
    replies: [...slot.replies],
    types: Object.fromEntries(slot.types),
    clients: leading(slot.clients, TOLD_CLIENTS),
    blockedClients: leading(slot.blockedClients, TOLD_CLIENTS),
    upstreams: Object.fromEntries(
      upstreams.map(([name, times]) => [name, [times.count, times.sumMs, times.sumOfSquares]]),
    ),
  };
}
