import type {
  EtcdApi,
  EtcdRange,
  EtcdRangeResult,
  EtcdTxn,
  EtcdTxnResult,
  EtcdWatchRequest,
} from "#base/state/etcd/api.ts";
import { Endpoints } from "./endpoints.ts";
import type { EtcdTlsSource } from "./grpc-connection.ts";
import { decodeRange, decodeTxn, encodeCompaction, encodeRange, encodeTxn } from "./kv-messages.ts";
import { decodeStatus } from "./maintenance-messages.ts";
import { keepLease } from "./keep-lease.ts";
import { ProtoWriter } from "./protobuf.ts";
import { openWatch } from "./watch-stream.ts";

export interface EtcdClientOptions {
  /** `http://host:port` or `https://host:port`, the preferred one first. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTlsSource;
}

export interface EtcdClient extends EtcdApi {
  readonly endpoints: Endpoints;
}

/** Etcd's API over gRPC: each call goes to the first member that is well. */
export function createEtcdClient({ endpoints: list, tls }: EtcdClientOptions): EtcdClient {
  const endpoints = new Endpoints(list, tls);
  return {
    endpoints,
    async txn(txn: EtcdTxn, timeoutMs: number): Promise<EtcdTxnResult> {
      return decodeTxn(await endpoints.unary("/etcdserverpb.KV/Txn", encodeTxn(txn), timeoutMs));
    },
    async range(request: EtcdRange, timeoutMs: number): Promise<EtcdRangeResult> {
      return decodeRange(await endpoints.unary("/etcdserverpb.KV/Range", encodeRange(request), timeoutMs));
    },
    async compact(revision: number, timeoutMs: number): Promise<void> {
      await endpoints.unary("/etcdserverpb.KV/Compact", encodeCompaction(revision), timeoutMs);
    },
    async size(timeoutMs: number): Promise<number> {
      const answer = await endpoints.unary("/etcdserverpb.Maintenance/Status", new Uint8Array(0), timeoutMs);
      return decodeStatus(answer).dbBytes;
    },
    async grantLease({ id, ttlSeconds }, timeoutMs) {
      const message = new ProtoWriter().uint(1, ttlSeconds).uint(2, id).finish();
      await endpoints.unary("/etcdserverpb.Lease/LeaseGrant", message, timeoutMs);
    },
    keepLease: (id, timeoutMs) => keepLease(endpoints, id, timeoutMs),
    async revokeLease(id, timeoutMs) {
      await endpoints.unary("/etcdserverpb.Lease/LeaseRevoke", new ProtoWriter().uint(1, id).finish(), timeoutMs);
    },
    watch: (request: EtcdWatchRequest) => openWatch(endpoints, request),
    close(): Promise<void> {
      endpoints.close();
      return Promise.resolve();
    },
  };
}
