import type { Env } from "#base/env/env.ts";
import { isBlocked, type QueryRecord } from "../query-record.ts";
import type { Seen } from "../log/privacy.ts";
import { NameCounts } from "./name-counts.ts";
import { leading, merged } from "./top-counts.ts";
import { TOLD_NAMES, type HourDigest } from "./digest.ts";
import { Slot, slotDigest, sumSlots } from "./slot.ts";

export const SLOT_MS = 600_000;
const SLOTS = 144;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** Names told apart in an hour, of allowed and of blocked ones each. */
export const MAX_HOUR_NAMES = 4000;
const RATE_SECONDS = 60;

interface NameHour {
  readonly allowed: NameCounts;
  readonly blocked: NameCounts;
}

/** Upper ends of the histogram of upstream answers, seconds. */
export const LATENCY_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

/** Counts answers: the last 24 hours for people, and since the start for Prometheus. */
export class Statistics {
  /** Since the start. */
  readonly ever = new Slot();
  readonly latency = new Uint32Array(LATENCY_BOUNDS.length + 1);
  readonly startMs: number;
  /** Of a sum: queries a second of all that are in it. */
  otherRate = 0;
  readonly #clock: Env["clock"];
  readonly #slots = new Map<number, Slot>();
  readonly #hours = new Map<number, NameHour>();
  readonly #rate = new Uint32Array(RATE_SECONDS);
  #rateSecond = 0;
  #slot = new Slot();
  #slotAt = -1;
  #hour: NameHour = newHour();
  #hourAt = -1;

  constructor(clock: Env["clock"]) {
    this.#clock = clock;
    this.startMs = clock.nowMs();
  }

  /** `seen`: under which names it is counted; undefined: under none. */
  add(record: QueryRecord, seen: Seen | undefined): void {
    this.ever.add(record, undefined);
    if (record.upstream !== "") this.#addLatency(record.durationMs / 1000);
    this.#addRate(record.timeMs);
    this.recount(record, seen);
  }

  /** Counts what was before the start. */
  recount(record: QueryRecord, seen: Seen | undefined): void {
    const at = Math.floor(record.timeMs / SLOT_MS);
    if (at !== this.#slotAt) this.#openSlot(at);
    this.#slot.add(record, seen?.client);
    if (seen === undefined) return;
    const hourAt = Math.floor(record.timeMs / HOUR_MS);
    if (hourAt !== this.#hourAt) this.#openHour(hourAt);
    const counts = isBlocked(record.status) ? this.#hour.blocked : this.#hour.allowed;
    if (seen === record && record.nameHash !== undefined) counts.addHashed(record.name, record.nameHash);
    else counts.add(seen.name);
  }

  /** Sums of the last 24 hours. */
  day(): Slot {
    return sumSlots(this.#daySlots().map(([, slot]) => slot));
  }

  /** Every slot of the last 24 hours, oldest first, empty ones too; `startMs` is its beginning. */
  slots(): { readonly startMs: number; readonly slot: Slot }[] {
    const last = Math.floor(this.#clock.nowMs() / SLOT_MS);
    return Array.from({ length: SLOTS }, (_, n) => {
      const at = last - SLOTS + 1 + n;
      return { startMs: at * SLOT_MS, slot: this.#slots.get(at) ?? new Slot() };
    });
  }

  names(which: "allowed" | "blocked"): Map<string, number> {
    const now = Math.floor(this.#clock.nowMs() / HOUR_MS);
    const hours = [...this.#hours].filter(([at]) => at > now - 24 && at <= now);
    return merged(hours.map(([, hour]) => hour[which]));
  }

  clients(which: "all" | "blocked"): Map<string, number> {
    return merged(this.#daySlots().map(([, slot]) => (which === "all" ? slot.clients : slot.blockedClients)));
  }

  /** Queries a second over the last minute. */
  rate(): number {
    this.#advanceRate(Math.floor(this.#clock.nowMs() / 1000));
    return this.otherRate + this.#rate.reduce((sum, count) => sum + count, 0) / RATE_SECONDS;
  }

  /** One hour since the epoch, for other instances; undefined: nothing was counted in it. */
  hour(at: number): HourDigest | undefined {
    const slots = [...this.#slots].filter(([slot]) => Math.floor((slot * SLOT_MS) / HOUR_MS) === at);
    if (slots.length === 0) return undefined;
    const names = this.#hours.get(at);
    return {
      hour: at,
      rate: this.rate(),
      toldMs: this.#clock.nowMs(),
      slots: slots.map(([slotAt, slot]) => slotDigest(slotAt, slot)),
      allowed: names === undefined ? {} : leading(names.allowed, TOLD_NAMES),
      blocked: names === undefined ? {} : leading(names.blocked, TOLD_NAMES),
    };
  }

  /** The hours of the last day, as {@link hour} tells them. */
  hours(): readonly HourDigest[] {
    const now = Math.floor(this.#clock.nowMs() / HOUR_MS);
    return Array.from({ length: 25 }, (_, back) => this.hour(now - back)).filter((hour) => hour !== undefined);
  }

  /** Counts what another one counted. */
  absorb({ hour, slots, allowed, blocked }: HourDigest): void {
    for (const digest of slots) {
      if (digest.at !== this.#slotAt) this.#openSlot(digest.at);
      this.#slot.absorb(digest);
    }
    if (hour !== this.#hourAt) this.#openHour(hour);
    for (const [name, count] of Object.entries(allowed)) this.#hour.allowed.add(name, count);
    for (const [name, count] of Object.entries(blocked)) this.#hour.blocked.add(name, count);
  }

  /** Forgets the last 24 hours; what Prometheus sees never falls. */
  clear(): void {
    this.#slots.clear();
    this.#hours.clear();
    this.#slotAt = -1;
    this.#hourAt = -1;
  }

  #daySlots(): [number, Slot][] {
    const last = Math.floor(this.#clock.nowMs() / SLOT_MS);
    return [...this.#slots].filter(([at]) => at > last - SLOTS && at <= last);
  }

  #openSlot(at: number): void {
    this.#slot = this.#slots.get(at) ?? new Slot();
    this.#slots.set(at, this.#slot);
    this.#slotAt = at;
    this.#prune(this.#slots, Math.floor(this.#clock.nowMs() / SLOT_MS), SLOTS);
  }

  #openHour(at: number): void {
    this.#hour = this.#hours.get(at) ?? newHour();
    this.#hours.set(at, this.#hour);
    this.#hourAt = at;
    this.#prune(this.#hours, Math.floor(this.#clock.nowMs() / HOUR_MS), 24);
  }

  /** A clock that was set leaves spans behind that are not of this day. */
  #prune(spans: Map<number, unknown>, now: number, keep: number): void {
    for (const at of spans.keys()) if (at <= now - keep || at > now + 1) spans.delete(at);
  }

  #addLatency(seconds: number): void {
    const found = LATENCY_BOUNDS.findIndex((bound) => seconds <= bound);
    const at = found < 0 ? LATENCY_BOUNDS.length : found;
    this.latency[at] = (this.latency[at] ?? 0) + 1;
  }

  #addRate(timeMs: number): void {
    const second = Math.floor(timeMs / 1000);
    if (second !== this.#rateSecond) this.#advanceRate(second);
    const at = second % RATE_SECONDS;
    this.#rate[at] = (this.#rate[at] ?? 0) + 1;
  }

  #advanceRate(second: number): void {
    const steps = second - this.#rateSecond;
    if (steps < 0 || steps >= RATE_SECONDS) this.#rate.fill(0);
    else for (let n = 1; n <= steps; n++) this.#rate[(this.#rateSecond + n) % RATE_SECONDS] = 0;
    this.#rateSecond = second;
  }
}

function newHour(): NameHour {
  return { allowed: new NameCounts(MAX_HOUR_NAMES), blocked: new NameCounts(MAX_HOUR_NAMES) };
}
