import type { CatalogCheck, CatalogNode, CatalogService } from "#base/protocol/catalog.ts";
import type { KvEntry } from "#base/protocol/kv.ts";
import type { Row } from "#base/state/table.ts";
import type { KvWrite } from "../kv/kv-write.ts";

export type KvOperation =
  | { readonly kind: "write"; readonly write: KvWrite }
  | { readonly kind: "get"; readonly key: string }
  | { readonly kind: "get-or-empty"; readonly key: string }
  | { readonly kind: "check-not-exists"; readonly key: string }
  | { readonly kind: "get-tree"; readonly key: string }
  | { readonly kind: "delete-tree"; readonly key: string }
  | { readonly kind: "check-index"; readonly key: string; readonly index: number }
  | { readonly kind: "check-session"; readonly key: string; readonly session: string };

export type CatalogVerb = "set" | "cas" | "get" | "delete" | "delete-cas";

/** Of `cas` and `delete-cas`, `index` is the modify index the row must have; 0: it must not be there. */
interface Catalog<Kind extends string, T> {
  readonly kind: Kind;
  readonly verb: CatalogVerb;
  readonly row: T;
  readonly index: number;
}

export type CatalogOperation =
  | Catalog<"node", CatalogNode>
  | Catalog<"service", CatalogService>
  | Catalog<"check", CatalogCheck>;

/** https://developer.hashicorp.com/consul/api-docs/txn */
export type TxnOperation = KvOperation | CatalogOperation;

/** What an operation answers with; index 0 is the transaction's own, not known before it is committed. */
export type TxnResultRow =
  | { readonly kind: "kv"; readonly row: Row<KvEntry>; readonly withValue: boolean }
  | { readonly kind: "node"; readonly row: Row<CatalogNode> }
  | { readonly kind: "service"; readonly row: Row<CatalogService> }
  | { readonly kind: "check"; readonly row: Row<CatalogCheck> };
