import type { Alloc } from "#base/protocol/alloc.ts";
import type { ViewChange, ViewRowChange } from "#base/state/table.ts";
import { allocReports, allocs, nodes, nodeStates } from "#base/state/tables.ts";
import type { ClusterState } from "./cluster-state.ts";
import { occupies } from "./occupancy.ts";
import type { NodeTable } from "./place/node-table.ts";
import { usageOf } from "./place/usage.ts";

/** Keeps the node table in step with the view, and tells where room may have appeared. */
export class TableSync {
  readonly #state: ClusterState;
  readonly #table: NodeTable;

  constructor(state: ClusterState, table: NodeTable) {
    this.#state = state;
    this.#table = table;
  }

  /** Everything the view holds now. */
  load(): void {
    for (const row of this.#state.view.table(nodes).list()) this.#node(row.id);
    for (const row of this.#state.view.table(allocs).list()) this.#alloc(row.namespace, row.id);
  }

  /** Classes of nodes where something may fit now that did not before. */
  apply(change: ViewChange): Set<string> {
    const freed = new Set<string>();
    for (const row of change.rows) {
      const nodeId = this.#applyRow(row);
      const slot = nodeId === undefined ? undefined : this.#table.slotOf(nodeId);
      const entry = slot === undefined ? undefined : this.#table.at(slot);
      if (slot !== undefined && entry?.node !== undefined && this.#table.usable[slot] === 1) {
        freed.add(entry.computedClass);
      }
    }
    return freed;
  }

  /** Back to what the view says of these allocations. */
  restore(touched: readonly Alloc[]): void {
    for (const alloc of touched) this.#alloc(alloc.Namespace, alloc.ID);
  }

  /** The node on which something may have become free. */
  #applyRow({ table, namespace, id }: ViewRowChange): string | undefined {
    switch (table) {
      case nodes.name:
      case nodeStates.name:
        this.#node(id);
        return id;
      case allocs.name:
        return this.#alloc(namespace, id, true);
      case allocReports.name:
        return this.#alloc(namespace, id);
      default:
        return undefined;
    }
  }

  #node(id: string): void {
    const node = this.#state.node(id)?.value;
    if (node === undefined) this.#table.removeNode(id);
    else this.#table.setNode(node, this.#state.nodeState(id)?.value);
  }

  /** A plan drops what it replaces before the view hears of it: `written` then counts as freed all the same. */
  #alloc(namespace: string, id: string, written = false): string | undefined {
    const row = this.#state.alloc(namespace, id);
    if (row === undefined) return this.#table.drop(id)?.nodeId;
    if (occupies(this.#state.known(row))) {
      if (!this.#table.holds(id)) this.#table.hold(id, row.value.NodeID, usageOf(row.value.AllocatedResources));
      return undefined;
    }
    const held = this.#table.drop(id);
    return held !== undefined || written ? row.value.NodeID : undefined;
  }
}
