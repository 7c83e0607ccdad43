import type { EtcdTlsSource } from "#base/platform/etcd/grpc-connection.ts";

/** What members and those who ask them prove to each other: as files for etcd, as text for this program. */
export interface MemberTls {
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly pem: EtcdTlsSource;
  /** The name that certificates of members and of those who may ask them carry; empty: whoever has one may. */
  readonly peersName: string;
}
