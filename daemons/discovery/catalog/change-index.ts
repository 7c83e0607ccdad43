import { GLOBAL } from "#base/protocol/keys.ts";
import type { View, ViewRowChange } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, catalogServices } from "#base/state/tables.ts";

/** Names of services and nodes that are gone but remembered. The oldest give way and raise everybody's index. */
const MAX_NAMES = 20_000;

/**
 * The newest revision that touched a service (its instances, their checks, their nodes) or a node, deletes included:
 * what blocking queries about one of them wait for.
 */
export class ChangeIndex {
  readonly #view: View;
  readonly #services = new Map<string, number>();
  readonly #nodes = new Map<string, number>();
  /** What the rows said before: a deleted row no longer tells whose it was. */
  readonly #serviceOf = new Map<string, string>();
  #floor: number;
  readonly #stop: () => void;

  constructor(view: View) {
    this.#view = view;
    // Changes before this process started may have been deletes, which left no trace.
    this.#floor = Math.max(1, view.index);
    for (const row of view.table(catalogServices).list(GLOBAL)) this.#serviceOf.set(`s/${row.id}`, row.value.Service);
    for (const row of view.table(catalogChecks).list(GLOBAL)) this.#serviceOf.set(`c/${row.id}`, row.value.ServiceName);
    this.#stop = view.onChange(({ revision, rows }) => {
      for (const row of rows) this.#apply(row, revision);
    });
  }

  close(): void {
    this.#stop();
  }

  ofService(name: string): number {
    return Math.max(this.#floor, this.#services.get(name) ?? 0);
  }

  ofNode(name: string): number {
    return Math.max(this.#floor, this.#nodes.get(name) ?? 0);
  }

  #apply(row: ViewRowChange, revision: number): void {
    if (row.table === catalogNodes.name) return this.#touchNode(row.id, revision);
    const isService = row.table === catalogServices.name;
    if (!isService && row.table !== catalogChecks.name) return;
    const key = `${isService ? "s" : "c"}/${row.id}`;
    const node = row.id.slice(0, row.id.indexOf("/"));
    const before = this.#serviceOf.get(key);
    const now = isService
      ? this.#view.table(catalogServices).get(GLOBAL, row.id)?.value.Service
      : this.#view.table(catalogChecks).get(GLOBAL, row.id)?.value.ServiceName;
    if (now === undefined) this.#serviceOf.delete(key);
    else this.#serviceOf.set(key, now);
    // A check of the node itself counts for everything on the node.
    if (!isService && (before === "" || now === "")) this.#touchNode(node, revision);
    else this.#touch(this.#nodes, node, revision);
    for (const service of new Set([before, now])) {
      if (service !== undefined && service !== "") this.#touch(this.#services, service, revision);
    }
  }

  #touchNode(node: string, revision: number): void {
    this.#touch(this.#nodes, node, revision);
    for (const row of this.#view.table(catalogServices).by("node", node))
      this.#touch(this.#services, row.value.Service, revision);
  }

  #touch(index: Map<string, number>, name: string, revision: number): void {
    index.delete(name);
    index.set(name, revision);
    if (index.size <= MAX_NAMES) return;
    for (const [oldest, at] of index) {
      index.delete(oldest);
      this.#floor = Math.max(this.#floor, at);
      return;
    }
  }
}
