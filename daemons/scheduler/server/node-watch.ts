import type { Clock } from "#base/env/clock.ts";
import type { ViewChange, ViewRowChange } from "#base/state/table.ts";
import { allocs, hostVolumes } from "#base/state/tables.ts";
import type { AllocsRequest } from "../link.ts";
import type { ClusterState } from "./cluster-state.ts";

/** Wakes the long polls of the nodes whose allocations or volumes changed, and no others. */
export class NodeWatch {
  readonly #state: ClusterState;
  readonly #clock: Clock;
  /** Newest revision that touched a node's allocations, since this server started. */
  readonly #changedAt = new Map<string, number>();
  readonly #waiting = new Map<string, Set<() => void>>();
  /** A deleted allocation no longer says where it was: all nodes may be touched. */
  #allChangedAt = 0;
  readonly #since: number;

  constructor(state: ClusterState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
    this.#since = state.index;
  }

  apply({ revision, rows }: ViewChange): void {
    const touched = new Set<string>();
    for (const row of rows) {
      if (row.table !== allocs.name && row.table !== hostVolumes.name) continue;
      const nodeId = this.#nodeOf(row);
      if (nodeId === undefined) this.#allChangedAt = revision;
      else touched.add(nodeId);
    }
    for (const nodeId of touched) {
      this.#changedAt.set(nodeId, revision);
      for (const wake of this.#waiting.get(nodeId) ?? []) wake();
    }
  }

  #nodeOf({ table, namespace, id }: ViewRowChange): string | undefined {
    if (table === allocs.name) return this.#state.alloc(namespace, id)?.value.NodeID;
    return this.#state.view.table(hostVolumes).get(namespace, id)?.value.NodeID;
  }

  /** Resolves when the node's allocations or volumes changed after `index`, after `waitMs`, or when the caller gave up. */
  changed({ nodeId, index, waitMs, signal }: AllocsRequest): Promise<void> {
    const last = Math.max(this.#changedAt.get(nodeId) ?? this.#since, this.#allChangedAt);
    if (index === 0 || last > index || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(nodeId) ?? new Set();
      const wake = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", wake);
        waiting.delete(wake);
        if (waiting.size === 0) this.#waiting.delete(nodeId);
        resolve();
      };
      const timer = this.#clock.after(waitMs, wake);
      signal.addEventListener("abort", wake, { once: true });
      waiting.add(wake);
      this.#waiting.set(nodeId, waiting);
    });
  }

  /** Ends all polls. */
  close(): void {
    const all = [...this.#waiting.values()].flatMap((waiting) => [...waiting]);
    for (const wake of all) wake();
  }
}
