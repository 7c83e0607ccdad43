import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import type { ConsulClient } from "#base/client/consul-client.ts";
import { watch } from "#base/client/watch.ts";
import { DNS_PROOFS_PREFIX, DnsProofSchema } from "#base/protocol/dns-proof.ts";
import { LEASE_NAMES_PREFIX, LeaseNameSchema } from "#base/protocol/lease-name.ts";
import type { HouseSources } from "./house-names.ts";

type WatchEnv = Pick<Env, "clock" | "random">;

/** Names from the cluster: leases from its KV, nodes from its catalog, services where `.consul` is answered. */
export function clusterSources(env: WatchEnv, client: ConsulClient, consul: string | undefined): HouseSources {
  return {
    consul,
    watchLeases: (listener) =>
      follow(
        env,
        (at) => client.kv.list(LEASE_NAMES_PREFIX, at),
        (pairs) => listener(readable(LeaseNameSchema, pairs ?? []).filter(({ name }) => name !== "")),
      ),
    watchProofs: (listener) =>
      follow(
        env,
        (at) => client.kv.list(DNS_PROOFS_PREFIX, at),
        (pairs) => listener(readable(DnsProofSchema, pairs ?? [])),
      ),
    watchNodes: (listener) =>
      follow(
        env,
        (at) => client.catalog.nodes(at),
        (nodes) => listener(new Map((nodes ?? []).map(({ Node, Address }) => [Node.toLowerCase(), [Address]]))),
      ),
  };
}

function follow<T>(
  { clock, random }: WatchEnv,
  read: Parameters<typeof watch<T>>[0],
  take: (value: T | undefined) => void,
): () => void {
  const stopped = new AbortController();
  void (async () => {
    for await (const { value } of watch(read, { clock, random, signal: stopped.signal })) take(value);
  })();
  return () => stopped.abort();
}

/** What cannot be read says nothing about the others. */
function readable<T>(
  schema: v.GenericSchema<unknown, T>,
  pairs: readonly { readonly Value: string | null }[],
): readonly T[] {
  return pairs.flatMap(({ Value }) => {
    const text = Buffer.from(Value ?? "", "base64").toString("utf8");
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
    // Somebody may have written something else there by hand.
    return parsed.success ? [parsed.output] : [];
  });
}
