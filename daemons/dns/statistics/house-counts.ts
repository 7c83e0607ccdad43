import type { ConsulClient } from "#base/client/consul-client.ts";
import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { readDigest, type HourDigest } from "./digest.ts";
import { DAY_MS, HOUR_MS, Statistics } from "./statistics.ts";

/** `PREFIX` + instance + `/` + hour since the epoch. */
export const COUNTS_PREFIX = "lares/dns/statistics/";
/** What the store is told of at most: a write is one to every server's disk. */
const TELL_EVERY_MS = 120_000;
/** Somebody who looks sees the others as they were so long ago at most, besides. */
const READ_EVERY_MS = 5000;
const READ_WAIT_MS = 2000;
const RATE_HOLDS_MS = TELL_EVERY_MS * 2;

export interface HouseCountsDeps {
  readonly env: Pick<Env, "clock" | "log">;
  readonly client: ConsulClient;
  readonly own: Statistics;
  /** The same after a restart; no other instance has it. */
  readonly instance: string;
}

/**
 * Counts of all instances as one. Each writes its hour to the cluster's store, every two minutes while it answers; the sum is made when
 * somebody looks. What a dead one told is still counted. Without the store everybody sees his own.
 */
export class HouseCounts {
  readonly #deps: HouseCountsDeps;
  #others: readonly HourDigest[] = [];
  #readAtMs = -READ_EVERY_MS;
  #reading: Promise<void> | undefined;
  #timer: Timer | undefined;
  #toldTotal = 0;
  #isStopped = false;

  constructor(deps: HouseCountsDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { clock } = this.#deps.env;
    this.#timer = clock.after(TELL_EVERY_MS, () => {
      void this.tell().then(() => {
        if (!this.#isStopped) this.start();
      });
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.tell();
  }

  /** The whole house's; a new object wherever there are others. */
  async counts(): Promise<Statistics> {
    const { env, own } = this.#deps;
    if (env.clock.monotonicMs() - this.#readAtMs >= READ_EVERY_MS) {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined;
      });
      await this.#reading;
    }
    if (this.#others.length === 0) return own;
    const nowMs = env.clock.nowMs();
    const sum = new Statistics(env.clock);
    for (const hour of own.hours()) sum.absorb(hour);
    for (const hour of this.#others) sum.absorb(hour);
    const recent = this.#others.filter(({ toldMs }) => Math.abs(nowMs - toldMs) < RATE_HOLDS_MS);
    sum.otherRate = own.rate() + recent.reduce((all, { rate }) => all + rate, 0);
    return sum;
  }

  /** Writes the present hour, and the one before while that is fresh. */
  async tell(): Promise<void> {
    const { own, client, instance, env } = this.#deps;
    if (own.ever.total === this.#toldTotal) return;
    const total = own.ever.total;
    const now = Math.floor(env.clock.nowMs() / HOUR_MS);
    const isFresh = env.clock.nowMs() - now * HOUR_MS <= TELL_EVERY_MS * 2;
    for (const hour of isFresh || this.#toldTotal === 0 ? [now - 1, now] : [now]) {
      const digest = own.hour(hour);
      if (digest === undefined) continue;
      const put = await client.kv.put(`${COUNTS_PREFIX}${instance}/${hour}`, JSON.stringify(digest));
      if (!put.ok) return env.log.debug("counts were not told to the others", { reason: put.error.message });
    }
    this.#toldTotal = total;
  }

  async #read(): Promise<void> {
    const { env, client, instance } = this.#deps;
    this.#readAtMs = env.clock.monotonicMs();
    const patience = new AbortController();
    const timer = env.clock.after(READ_WAIT_MS, () => patience.abort());
    const listed = await client.kv.list(COUNTS_PREFIX, { signal: patience.signal });
    timer.cancel();
    if (!listed.ok && listed.error.code !== "missing") return;
    const oldest = Math.floor((env.clock.nowMs() - DAY_MS) / HOUR_MS);
    const others: HourDigest[] = [];
    const old: string[] = [];
    for (const { Key, Value } of listed.ok ? listed.value.value : []) {
      const [of, hour] = Key.slice(COUNTS_PREFIX.length).split("/");
      if (Number(hour) < oldest) {
        old.push(Key);
        continue;
      }
      const digest = of === instance ? "its own" : readDigest(Buffer.from(Value, "base64").toString("utf8"));
      if (typeof digest !== "string") others.push(digest);
    }
    this.#others = others;
    // Whoever looks clears away what nobody counts any more, also of instances that are gone; what fails is tried again.
    if (old.length > 0) await client.kv.deleteAll(old);
  }
}
