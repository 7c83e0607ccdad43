import { sleep } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import * as v from "valibot";
import { errorOf, valueOf } from "../api/answer.ts";
import type { ConsulSession } from "../api/session.ts";

/** How a lock is contended for. */
export interface Contender {
  /** Takes it if it is free: the fencing token then, else undefined. Rejects when the keys are used for something else. */
  tryAcquire(session: string): Promise<bigint | undefined>;
  /** Resolves when it may be free now. */
  waitForChange(signal: AbortSignal): Promise<void>;
  /** Whether it is still this session's. Rejects when nobody can be asked. */
  isHeld(session: string): Promise<boolean>;
  release(session: string): Promise<void>;
}

/** Of one blocking query. */
export const WAIT_MS = 15_000;
/** After a refusal without a holder: its last one was invalidated, and the lock waits for its delay. */
const DELAY_RETRY_MS = 1000;
const IdSchema = v.object({ ID: v.string() });

/** A session that is renewed until it is ended. */
export interface KeptSession {
  readonly id: string;
  end(): Promise<void>;
}

export interface SessionWish {
  readonly name: string;
  readonly ttlS: number;
  /** What becomes of the keys it holds when it ends. */
  readonly behavior: "release" | "delete";
}

export async function keepSession(session: ConsulSession, { name, ttlS, behavior }: SessionWish): Promise<KeptSession> {
  const { consul, env } = session;
  const body = { Name: name, TTL: `${ttlS}s`, Behavior: behavior };
  const { ID: id } = valueOf(await consul.call({ method: "PUT", path: "/v1/session/create", body, schema: IdSchema }));
  const over = new AbortController();
  const renew = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await sleep(env.clock, (ttlS * 1000) / 2, over.signal);
      if (over.signal.aborted) return;
      // Whether it is lost shows where the lock is watched.
      await consul.call({ method: "PUT", path: `/v1/session/renew/${id}`, schema: v.unknown() });
    }
  };
  const renewing = renew();
  return {
    id,
    async end() {
      over.abort();
      await renewing;
      await consul.call({ method: "PUT", path: `/v1/session/destroy/${id}`, schema: v.unknown() });
    },
  };
}

/** Undefined when it was not to be had before the signal aborted. */
export async function acquire(
  session: ConsulSession,
  { contender, id, signal }: { readonly contender: Contender; readonly id: string; readonly signal: AbortSignal },
): Promise<bigint | undefined> {
  for (;;) {
    const token = await contender.tryAcquire(id);
    if (token !== undefined || signal.aborted) return token;
    await Promise.all([contender.waitForChange(signal), sleep(session.env.clock, DELAY_RETRY_MS, signal)]);
    if (signal.aborted) return undefined;
  }
}

/** Resolves when it is lost, or nobody could be asked `retries` times in a row. */
export async function watchHeld(session: ConsulSession, { contender, id, retries, signal }: WatchHeld): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (!(await contender.isHeld(id))) return;
      failures = 0;
      await contender.waitForChange(signal);
    } catch {
      failures += 1;
      if (failures > retries) return;
    }
    await sleep(session.env.clock, failures === 0 ? 100 : 1000, signal);
  }
}

interface WatchHeld {
  readonly contender: Contender;
  readonly id: string;
  readonly retries: number;
  readonly signal: AbortSignal;
}

/** Waits for a change under a prefix from what was seen last. */
export class ChangeOf {
  readonly #session: ConsulSession;
  readonly #prefix: string;
  index = 0;

  constructor(session: ConsulSession, prefix: string) {
    this.#session = session;
    this.#prefix = prefix;
  }

  async wait(signal: AbortSignal): Promise<void> {
    const { consul } = this.#session;
    const block = { index: this.index, waitMs: WAIT_MS };
    const result = await consul.kv.list(this.#prefix, { block, signal });
    if (result.ok) this.index = result.value.index;
    else if (result.error.code === "missing") this.index = result.error.index ?? 0;
    else if (!signal.aborted) throw errorOf(result.error);
  }
}

export function misused(key: string): CodedError {
  return new CodedError("lock_misuse", `the key ${key} is there and is no lock of this kind`, "choose another prefix");
}
