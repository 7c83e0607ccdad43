import { GLOBAL } from "#base/protocol/keys.ts";
import type { CatalogCheck, CatalogNode, CatalogService, CheckStatus } from "#base/protocol/catalog.ts";
import type { Row, View } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, catalogServices } from "#base/state/tables.ts";
import { worstStatus } from "../checks/threshold.ts";

/** A service instance with the node it runs on and everything that says whether it is well. */
export interface Instance {
  readonly node: Row<CatalogNode>;
  readonly service: Row<CatalogService>;
  /** Of the node first, then its own. */
  readonly checks: readonly Row<CatalogCheck>[];
  readonly status: CheckStatus;
}

/** Every instance of a service whose node is known, in order of node and id. */
export function instancesOf(view: View, service: string): readonly Instance[] {
  return joined(view, view.table(catalogServices).by("service", service));
}

/** The same for a name in lower case, whatever its case in the catalog. */
export function instancesByDnsName(view: View, lowerName: string): readonly Instance[] {
  return joined(view, view.table(catalogServices).by("dns", lowerName));
}

function joined(view: View, rows: Iterable<Row<CatalogService>>): readonly Instance[] {
  const nodes = view.table(catalogNodes);
  const instances: Instance[] = [];
  for (const row of rows) {
    const node = nodes.get(GLOBAL, row.value.Node);
    if (node === undefined) continue;
    const checks = checksOfInstance(view, row.value.Node, row.value.ID);
    instances.push({ node, service: row, checks, status: worstStatus(checks.map((check) => check.value.Status)) });
  }
  return instances.toSorted((a, b) => compareText(a.service.id, b.service.id));
}

export function checksOfInstance(view: View, node: string, serviceId: string): readonly Row<CatalogCheck>[] {
  const checks = view.table(catalogChecks);
  const ofNode = [...checks.by("instance", `${node}/`)];
  return serviceId === "" ? ofNode : [...ofNode, ...checks.by("instance", `${node}/${serviceId}`)];
}

/** Where clients reach it: the service's own address, else the node's. */
export function addressOf(instance: Instance): string {
  return instance.service.value.Address || instance.node.value.Address;
}

/** By code unit: the order keys have. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
