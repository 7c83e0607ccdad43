import * as v from "valibot";
import type { ConsulClient } from "#base/client/consul-client.ts";
import { textOf } from "#base/env/bytes.ts";
import type { Clock } from "#base/env/clock.ts";

/** A key as it stands in the cluster's store. */
export interface Pair {
  readonly key: string;
  readonly value: string;
  /** Changes with every write; what a compare-and-set names. */
  readonly index: number;
}

export type Write =
  /** Only if the key's index is still this; 0: only if there is none. */
  | { readonly verb: "cas"; readonly key: string; readonly value: string; readonly index: number }
  | { readonly verb: "set"; readonly key: string; readonly value: string }
  | { readonly verb: "delete"; readonly key: string };

/** `refused`: nothing was written, and these did not hold. `unknown`: no answer; it may have been written or not. */
export type TxnResult =
  | { readonly kind: "done"; readonly index: number }
  | { readonly kind: "refused"; readonly at: readonly number[] }
  | { readonly kind: "unknown"; readonly message: string };

export interface TxnOptions {
  /** Default 2000. */
  readonly timeoutMs?: number;
}

/** The cluster's keys as DHCP needs them. Nothing rejects. */
export interface SharedKv {
  /** Everything under a prefix, no older than the call. Waits for something newer than `block.index`. Undefined: no answer. */
  list(
    prefix: string,
    options: { readonly block?: { readonly index: number; readonly waitMs: number }; readonly signal?: AbortSignal },
  ): Promise<{ readonly index: number; readonly pairs: readonly Pair[] } | undefined>;
  get(key: string): Promise<Pair | "missing" | undefined>;
  txn(writes: readonly Write[], options?: TxnOptions): Promise<TxnResult>;
}

/** Operations in one transaction: Consul's own limit. */
export const MAX_WRITES = 64;
const TIMEOUT_MS = 2000;

const ResultsSchema = v.object({
  Results: v.nullish(v.array(v.object({ KV: v.nullish(v.object({ ModifyIndex: v.number() })) })), []),
});
const ErrorsSchema = v.object({ Errors: v.array(v.object({ OpIndex: v.number() })) });

/** `consul` has to ask for consistent reads: that no newer writes exist than it answers is what much rests on. */
export function createSharedKv(consul: ConsulClient, clock: Clock): SharedKv {
  return {
    async list(prefix, options) {
      const read = await consul.kv.list(prefix, options);
      if (read.ok) return { index: read.value.index, pairs: read.value.value.map(pairOf) };
      return read.error.code === "missing" ? { index: read.error.index, pairs: [] } : undefined;
    },
    async get(key) {
      const read = await consul.kv.get(key);
      if (!read.ok) return read.error.code === "missing" ? "missing" : undefined;
      const [first] = read.value.value;
      return first === undefined ? "missing" : pairOf(first);
    },
    async txn(writes, { timeoutMs = TIMEOUT_MS } = {}) {
      const body = writes.map((write) => ({ KV: operationOf(write) }));
      // An answer that breaks off is none: everything else waits behind this one.
      const stop = new AbortController();
      const timer = clock.after(timeoutMs, () => stop.abort());
      const made = await consul.call({
        method: "PUT",
        path: "/v1/txn",
        body,
        schema: ResultsSchema,
        timeoutMs,
        signal: stop.signal,
      });
      timer.cancel();
      if (made.ok) {
        const indexes = (made.value.value.Results ?? []).map(({ KV }) => KV?.ModifyIndex ?? 0);
        return { kind: "done", index: Math.max(made.value.index, ...indexes) };
      }
      const refused = made.error.status === 409 ? failedAt(made.error.message) : undefined;
      return refused === undefined
        ? { kind: "unknown", message: made.error.message }
        : { kind: "refused", at: refused };
    },
  };
}

/** A key as the HTTP API tells it. */
export function pairOf(pair: { readonly Key: string; readonly Value: string; readonly ModifyIndex: number }): Pair {
  return { key: pair.Key, value: textOf(Buffer.from(pair.Value, "base64")), index: pair.ModifyIndex };
}

function operationOf(write: Write) {
  const { key: Key, verb: Verb } = write;
  if (write.verb === "delete") return { Verb, Key };
  const Value = Buffer.from(write.value).toString("base64");
  return write.verb === "cas" ? { Verb, Key, Value, Index: write.index } : { Verb, Key, Value };
}

function failedAt(body: string): readonly number[] | undefined {
  try {
    const parsed = v.safeParse(ErrorsSchema, JSON.parse(body));
    return parsed.success ? parsed.output.Errors.map(({ OpIndex }) => OpIndex) : undefined;
  } catch {
    return undefined;
  }
}
