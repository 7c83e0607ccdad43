import { QUERY_STATUS, REPLY_KIND, type QueryRecord, type QueryTransport } from "../query-record.ts";
import type { LoggedQuery } from "./logged-query.ts";
import type { Seen } from "./privacy.ts";

const FIRST_SIZE = 256;
const TRANSPORTS: readonly QueryTransport[] = ["udp", "tcp", "dot", "doh"];
const STATUSES = Object.values(QUERY_STATUS);
const REPLIES = Object.values(REPLY_KIND);

/**
 * The newest of something, up to a limit; grows as it fills. A column for each field: twenty thousand objects that all live
 * for a while are what a garbage collector likes least, and under load they cost more than answering.
 */
export class QueryRing {
  readonly limit: number;
  /** How many there ever were; the n-th of them is number n - 1. */
  pushed = 0;
  #size = 0;
  #first = 0;
  #columns: Columns;

  constructor(limit: number) {
    this.limit = limit;
    this.#columns = columnsOf(Math.min(limit, FIRST_SIZE));
  }

  get size(): number {
    return this.#size;
  }

  get oldest(): LoggedQuery | undefined {
    return this.at(this.pushed - this.#size);
  }

  /** `seen` is what is kept of names. */
  push(record: QueryRecord, seen: Seen, id: number): void {
    const room = this.#columns.ids.length;
    if (this.#size === room && room < this.limit) this.#grow();
    const columns = this.#columns;
    const length = columns.ids.length;
    const end = this.#first + this.#size;
    const at = end < length ? end : end - length;
    if (this.#size < length) this.#size += 1;
    else this.#first = at + 1 < length ? at + 1 : 0;
    this.pushed += 1;
    columns.ids[at] = id;
    columns.times[at] = record.timeMs;
    columns.durations[at] = record.durationMs;
    columns.rules[at] = record.ruleId;
    columns.types[at] = record.type;
    columns.statuses[at] = record.status;
    columns.replies[at] = record.reply;
    columns.rcodes[at] = record.rcode;
    columns.ways[at] = TRANSPORTS.indexOf(record.transport) | (record.authentic ? 0x80 : 0);
    columns.names[at] = seen.name;
    columns.clients[at] = seen.client;
    columns.upstreams[at] = record.upstream;
  }

  /** Query number `n`, as long as it is kept. */
  at(n: number): LoggedQuery | undefined {
    const back = this.pushed - n;
    if (back <= 0 || back > this.#size) return undefined;
    const { ids, times, durations, rules, types, statuses, replies, rcodes, ways, names, clients, upstreams } =
      this.#columns;
    const at = (this.#first + this.#size - back) % ids.length;
    const way = ways[at] ?? 0;
    return {
      id: ids[at] ?? 0,
      timeMs: times[at] ?? 0,
      client: clients[at] ?? "",
      name: names[at] ?? "",
      type: types[at] ?? 0,
      status: STATUSES[statuses[at] ?? 0] ?? QUERY_STATUS.failed,
      reply: REPLIES[replies[at] ?? 0] ?? REPLY_KIND.other,
      rcode: rcodes[at] ?? 0,
      ruleId: rules[at] ?? 0,
      upstream: upstreams[at] ?? "",
      durationMs: durations[at] ?? 0,
      transport: TRANSPORTS[way & 0x7f] ?? "udp",
      authentic: (way & 0x80) !== 0,
    };
  }

  clear(): void {
    this.#size = 0;
    this.#first = 0;
    this.#columns = columnsOf(Math.min(this.limit, FIRST_SIZE));
  }

  *newestFirst(): Generator<LoggedQuery> {
    const { pushed } = this;
    for (let n = pushed - 1; n >= 0; n--) {
      const query = this.at(n);
      if (query === undefined) return;
      yield query;
    }
  }

  /** Only ever while nothing was pushed out: the first is at 0. */
  #grow(): void {
    const before = this.#columns;
    const grown = columnsOf(Math.min(this.limit, before.ids.length * 4));
    for (const key of NUMBER_COLUMNS) grown[key].set(before[key]);
    for (const key of TEXT_COLUMNS) for (const [at, text] of before[key].entries()) grown[key][at] = text;
    this.#columns = grown;
  }
}

const NUMBER_COLUMNS = [
  "ids",
  "times",
  "durations",
  "rules",
  "types",
  "statuses",
  "replies",
  "rcodes",
  "ways",
] as const;
const TEXT_COLUMNS = ["names", "clients", "upstreams"] as const;

type Columns = ReturnType<typeof columnsOf>;

function columnsOf(size: number) {
  const texts = (): string[] => Array.from({ length: size }, () => "");
  return {
    ids: new Float64Array(size),
    times: new Float64Array(size),
    durations: new Float64Array(size),
    rules: new Float64Array(size),
    types: new Uint16Array(size),
    statuses: new Uint8Array(size),
    replies: new Uint8Array(size),
    rcodes: new Uint16Array(size),
    ways: new Uint8Array(size),
    names: texts(),
    clients: texts(),
    upstreams: texts(),
  };
}
