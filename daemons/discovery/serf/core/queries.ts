import { fail, succeed, type Result } from "#base/env/errors.ts";
import { randomInt, shuffle } from "#base/env/random.ts";
import {
  ASKS_ACK,
  encodeMessage,
  encodeRelay,
  IS_ACK,
  NO_BROADCAST,
  type QueryMessage,
  type QueryResponseMessage,
} from "../wire/messages.ts";
import type { IncomingQuery, MessageTarget, SerfPorts } from "./core-ports.ts";
import { encodeFilters, passes, type QueryFilter } from "./filter.ts";
import { LamportClock } from "./lamport-clock.ts";
import { MAX_FILTERS, MAX_OPEN_QUERIES, MAX_QUERY_MS } from "./limits.ts";
import type { SerfMember } from "./member.ts";
import { OpenQuery, type QueryListener } from "./open-query.ts";
import { SeenRing } from "./seen-ring.ts";
import { spread, type SerfSettings } from "./settings.ts";
import type { Tags } from "./tags.ts";

export interface AskedQuery {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly filter?: QueryFilter;
  /** Whether everyone who gets it should say so. */
  readonly wantsAcks?: boolean;
  /** Answers are also sent through so many other members. */
  readonly relayFactor?: number;
  /** Default: grows with the cluster. */
  readonly timeoutMs?: number;
}

/** This node as queries need it. */
export interface QueryContext {
  self(): SerfMember;
  tags(): Tags;
  members(): readonly SerfMember[];
}

/** Questions to all members, and their answers straight to the asker. */
export class Queries {
  readonly clock = new LamportClock();
  minTime = 0;
  readonly #seen = new SeenRing<number>((a, b) => a === b);
  readonly #open = new Map<number, OpenQuery>();
  readonly #ports: SerfPorts;
  readonly #settings: SerfSettings;
  readonly #context: QueryContext;

  constructor(ports: SerfPorts, settings: SerfSettings, context: QueryContext) {
    this.#ports = ports;
    this.#settings = settings;
    this.#context = context;
  }

  /** Failures: `QUERY_SIZE`, `QUERY_FILTER`, `QUERY_LIMIT`. */
  ask(
    query: AskedQuery,
    listener: QueryListener,
  ): Result<{ readonly open: OpenQuery; readonly message: QueryMessage }> {
    if (this.#open.size >= MAX_OPEN_QUERIES) {
      return fail("QUERY_LIMIT", `${MAX_OPEN_QUERIES} queries wait for answers already`, "try again later");
    }
    const filters = encodeFilters(query.filter ?? {});
    if (filters.length > MAX_FILTERS) return fail("QUERY_FILTER", `a query may filter by ${MAX_FILTERS} tags`);
    const message = this.#message(query, filters);
    const { length } = encodeQuery(message);
    if (length > this.#settings.queryBytes) {
      return fail(
        "QUERY_SIZE",
        `query exceeds limit of ${this.#settings.queryBytes} bytes: it takes ${length}`,
        "shorten its name, payload or filters",
      );
    }
    this.clock.increment();
    const deadlineMs = this.#ports.nowMs() + message.Timeout / 1e6;
    const open = new OpenQuery({ id: message.ID, lTime: message.LTime, deadlineMs }, listener);
    this.#open.set(message.LTime, open);
    return succeed({ open, message });
  }

  /** True when it should be passed on. */
  take(message: QueryMessage): boolean {
    this.clock.witness(message.LTime);
    if (message.LTime < this.minTime) return false;
    if (this.#seen.note(message.ID, message.LTime, this.clock.time) !== "new") return false;
    const passOn = (message.Flags & NO_BROADCAST) === 0;
    const self = this.#context.self();
    if (!passes(message.Filters, { name: self.name, tags: this.#context.tags() })) return passOn;
    if ((message.Flags & ASKS_ACK) !== 0) this.#answer(message, { Flags: IS_ACK, Payload: new Uint8Array() });
    this.#ports.emit(this.#incoming(message));
    return passOn;
  }

  takeAnswer({ LTime, ID, From, Flags, Payload }: QueryResponseMessage): void {
    const open = this.#open.get(LTime);
    if (open === undefined || open.id !== ID) return;
    open.take(From, (Flags & IS_ACK) === 0 ? Payload : undefined);
  }

  /** Ends those whose time is up. */
  tick(nowMs: number): void {
    for (const open of this.#open.values()) if (open.deadlineMs <= nowMs) this.close(open);
  }

  /** When the next of them ends. */
  get dueMs(): number | undefined {
    const deadlines = [...this.#open.values()].map((open) => open.deadlineMs);
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  close(open: OpenQuery): void {
    this.#open.delete(open.lTime);
    open.close();
  }

  closeAll(): void {
    for (const open of this.#open.values()) this.close(open);
  }

  #message(query: AskedQuery, Filters: Uint8Array[]): QueryMessage {
    const self = this.#context.self();
    const members = this.#context.members().length;
    const { gossipIntervalMs, queryTimeoutMultiplier } = this.#settings;
    const usual = gossipIntervalMs * queryTimeoutMultiplier * spread(members);
    const asked = query.timeoutMs ?? 0;
    const timeoutMs = Math.min(asked > 0 ? asked : usual, MAX_QUERY_MS);
    return {
      LTime: this.clock.time,
      ID: randomInt(this.#ports.random, 2 ** 32),
      Addr: self.address,
      Port: self.port,
      SourceNode: self.name,
      Filters,
      Flags: query.wantsAcks === true ? ASKS_ACK : 0,
      RelayFactor: query.relayFactor ?? 0,
      Timeout: Math.round(timeoutMs * 1e6),
      Name: query.name,
      Payload: query.payload,
    };
  }

  #incoming(message: QueryMessage): IncomingQuery {
    const deadlineMs = this.#ports.nowMs() + Math.min(message.Timeout / 1e6, MAX_QUERY_MS);
    let answered = false;
    return {
      kind: "query",
      lTime: message.LTime,
      id: message.ID,
      name: message.Name,
      payload: message.Payload,
      from: message.SourceNode,
      deadlineMs,
      respond: (payload) => {
        if (answered) return fail("QUERY_ANSWERED", "this query was answered already");
        if (this.#ports.nowMs() > deadlineMs) return fail("QUERY_LATE", "response is past the deadline");
        const sent = this.#answer(message, { Flags: 0, Payload: payload });
        answered = sent.ok;
        return sent;
      },
    };
  }

  #answer(query: QueryMessage, answer: Pick<QueryResponseMessage, "Flags" | "Payload">): Result<void> {
    const self = this.#context.self();
    const bytes = encodeMessage("queryResponse", { LTime: query.LTime, ID: query.ID, From: self.name, ...answer });
    const limit = this.#settings.queryResponseBytes;
    if (bytes.length > limit)
      return fail("QUERY_SIZE", `response exceeds limit of ${limit} bytes: it takes ${bytes.length}`);
    const to = { address: query.Addr, port: query.Port, name: query.SourceNode };
    this.#ports.send(to, bytes);
    if (query.RelayFactor > 0) this.#relay(to, bytes, query.RelayFactor);
    return succeed(undefined);
  }

  /** Other ways to the asker, for the case that the straight one is lossy. */
  #relay(to: MessageTarget, bytes: Uint8Array, factor: number): void {
    const self = this.#context.self();
    const others = this.#context.members().filter((member) => {
      const isAsker =
        member.name === to.name || (member.port === to.port && Buffer.compare(member.address, to.address) === 0);
      return member.status === "alive" && member.name !== self.name && !isAsker && (member.versions[4] ?? 0) >= 5;
    });
    const envelope = encodeRelay(to, bytes);
    if (envelope.length > this.#settings.queryResponseBytes) return;
    for (const member of shuffle(this.#ports.random, others).slice(0, factor)) this.#ports.send(member, envelope);
  }
}

export function encodeQuery(message: QueryMessage): Uint8Array {
  return encodeMessage("query", { ...message });
}
