import type { Env } from "#base/env/env.ts";
import { createEtcdClient, type EtcdClient } from "#base/platform/etcd/etcd-client.ts";
import type { EtcdTlsSource } from "#base/platform/etcd/grpc-connection.ts";
import { openEtcdStore } from "#base/state/etcd/etcd-store.ts";
import { withIndexOffset } from "#base/state/index-offset.ts";
import type { Store } from "#base/state/store.ts";

export interface EtcdPlace {
  readonly endpoints: readonly string[];
  readonly tls: EtcdTlsSource | undefined;
  /** This server's node id. */
  readonly writer: string;
}

export interface EtcdState {
  readonly store: Store;
  readonly client: EtcdClient;
}

/** The store on etcd members. Rejects with a `StoreError`. */
export async function openEtcdState(
  { clock, random, log }: Pick<Env, "clock" | "random" | "log">,
  { endpoints, tls, writer }: EtcdPlace,
): Promise<EtcdState> {
  const client = createEtcdClient({ endpoints, ...(tls === undefined ? {} : { tls }) });
  const session = random.uuid();
  const store = await openEtcdStore({ api: client, clock, writer, session, log: log.child("state") });
  return { store: await withIndexOffset(store), client };
}
