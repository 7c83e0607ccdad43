import type { CatalogCheck, CatalogNode, CatalogService } from "#base/protocol/catalog.ts";
import type { KvEntry } from "#base/protocol/kv.ts";
import type { View } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, catalogServices, kv } from "#base/state/tables.ts";
import type { KvStore } from "../kv/kv-store.ts";
import { DraftTable, type Draft } from "./draft.ts";
import type { TxnResultRow } from "./operation.ts";

/** A transaction while it is decided. */
export interface TxnPlan extends Draft {
  readonly deps: PlanDeps;
  readonly results: TxnResultRow[];
  readonly kv: DraftTable<KvEntry>;
  readonly nodes: DraftTable<CatalogNode>;
  readonly services: DraftTable<CatalogService>;
  readonly checks: DraftTable<CatalogCheck>;
}

export interface PlanDeps {
  readonly view: View;
  readonly kv: KvStore;
}

export function emptyPlan(deps: PlanDeps): TxnPlan {
  const { view } = deps;
  const draft: Draft = { compare: [], ops: new Map() };
  return {
    ...draft,
    deps,
    results: [],
    kv: new DraftTable(draft, view, kv),
    nodes: new DraftTable(draft, view, catalogNodes),
    services: new DraftTable(draft, view, catalogServices),
    checks: new DraftTable(draft, view, catalogChecks),
  };
}
