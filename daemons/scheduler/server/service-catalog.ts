import type { Row, ViewChange } from "#base/state/table.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import { allocReports, allocs, nodes, serviceRemovals } from "#base/state/tables.ts";
import { allocOfService } from "../client/alloc/service-definitions.ts";
import type { ClusterState } from "./cluster-state.ts";
import { servicesOfAlloc, type NativeService } from "./native-services.ts";

/**
 * The built-in services, found by name, job and allocation. It follows the change stream from the first question on,
 * and knows for each name when its instances last changed: a report of an allocation wakes nobody who waits for services.
 */
export class ServiceCatalog {
  readonly #state: ClusterState;
  readonly #byAlloc = new Map<string, readonly NativeService[]>();
  readonly #byName = new Map<string, Map<string, NativeService>>();
  readonly #nameIndexes = new Map<string, number>();
  #index = 0;
  #unfollow: (() => void) | undefined;

  constructor(state: ClusterState) {
    this.#state = state;
  }

  stop(): void {
    this.#unfollow?.();
  }

  /** In order of id. */
  named(namespace: string, name: string): { readonly index: number; readonly services: readonly NativeService[] } {
    this.#follow();
    const key = nameKey(namespace, name);
    const services = [...(this.#byName.get(key)?.values() ?? [])].toSorted(byId);
    return { index: this.#nameIndexes.get(key) ?? this.#index, services };
  }

  /** `namespace` undefined: all of them. In order of namespace, name and id. */
  all(namespace: string | undefined): { readonly index: number; readonly services: readonly NativeService[] } {
    this.#follow();
    const found = [...this.#byName]
      .filter(([key]) => namespace === undefined || key.startsWith(`${namespace}/`))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    return { index: this.#index, services: found.flatMap(([, instances]) => [...instances.values()].toSorted(byId)) };
  }

  ofAlloc(allocId: string): { readonly index: number; readonly services: readonly NativeService[] } {
    this.#follow();
    return { index: this.#index, services: this.#byAlloc.get(allocId) ?? [] };
  }

  #follow(): void {
    if (this.#unfollow !== undefined) return;
    const { view } = this.#state;
    this.#unfollow = view.onChange((change) => this.#apply(change));
    this.#index = view.index;
    for (const row of view.table(allocs).list()) this.#look(row.id, row, view.index);
  }

  #apply({ rows, revision }: ViewChange): void {
    const touched = new Map<string, Row<Alloc> | undefined>();
    const { view } = this.#state;
    for (const { table, namespace, id } of rows) {
      if (table === allocs.name || table === allocReports.name) touched.set(id, view.table(allocs).get(namespace, id));
      else if (table === serviceRemovals.name) {
        const allocId = allocOfService(id);
        touched.set(allocId, view.table(allocs).get(namespace, allocId));
      } else if (table === nodes.name) {
        for (const row of view.table(allocs).by("node", id)) touched.set(row.id, row);
      }
    }
    for (const [id, row] of touched) this.#look(id, row, revision);
  }

  /** What an allocation offers now takes the place of what it offered. */
  #look(allocId: string, row: Row<Alloc> | undefined, revision: number): void {
    const before = this.#byAlloc.get(allocId) ?? [];
    const now = row === undefined ? [] : servicesOfAlloc(this.#state, this.#state.known(row));
    if (now.length === 0 && before.length === 0) return;
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    for (const service of before) {
      const key = nameKey(service.Namespace, service.ServiceName);
      this.#byName.get(key)?.delete(service.ID);
      if (this.#byName.get(key)?.size === 0) this.#byName.delete(key);
      this.#nameIndexes.set(key, revision);
    }
    for (const service of now) {
      const key = nameKey(service.Namespace, service.ServiceName);
      const instances = this.#byName.get(key);
      if (instances === undefined) this.#byName.set(key, new Map([[service.ID, service]]));
      else instances.set(service.ID, service);
      this.#nameIndexes.set(key, revision);
    }
    if (now.length === 0) this.#byAlloc.delete(allocId);
    else this.#byAlloc.set(allocId, now);
    this.#index = Math.max(this.#index, revision);
    if (this.#nameIndexes.size > MAX_NAME_INDEXES) this.#nameIndexes.clear();
  }
}

/** Names whose last change is remembered; the others changed as late as any service did. */
const MAX_NAME_INDEXES = 100_000;

/** A namespace holds no slash. */
function nameKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function byId(a: NativeService, b: NativeService): number {
  return a.ID < b.ID ? -1 : 1;
}
