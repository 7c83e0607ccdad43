import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { CatalogCheck, CatalogNode, CatalogService } from "#base/protocol/catalog.ts";
import { put, remove } from "#base/state/codec.ts";
import type { Op, Store } from "#base/state/store.ts";
import type { Table, View } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, catalogServices } from "#base/state/tables.ts";

/** What this node's rows should be; a row that is not wanted is undefined. */
export interface WantedRows {
  readonly node: CatalogNode;
  service(id: string): CatalogService | undefined;
  check(id: string): CatalogCheck | undefined;
  serviceIds(): Iterable<string>;
  checkIds(): Iterable<string>;
}

export interface CatalogSyncDeps {
  readonly env: Env;
  readonly store: Store;
  readonly view: View;
  readonly wanted: WantedRows;
  readonly checkUpdateIntervalMs: number;
}

/** Everything is compared this often, whatever was announced. */
const COMPARE_INTERVAL_MS = 60_000;
/** Rows of a life before this one stay this long, so that whoever owns them can register them again without a gap. */
const STARTUP_GRACE_MS = 30_000;
const ROWS_PER_TXN = 1000;
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 30_000;

/**
 * Anti-entropy: makes the catalog's rows of this node what its agent says they are
 * (https://developer.hashicorp.com/consul/docs/concept/consistency). Changes are written at once and together; where only a
 * check's output changed it may wait; where nothing changed nothing is written.
 */
export class CatalogSync {
  readonly #deps: CatalogSyncDeps;
  readonly #dirty = new Set<string>();
  /** Check id → when its output must be written at the latest. */
  readonly #deferred = new Map<string, number>();
  #running: Promise<void> | undefined;
  readonly #timers: { compare?: Timer; deferred?: Timer; retry?: Timer } = {};
  #retryMs = RETRY_FIRST_MS;
  #startedMs = 0;
  #stopped = false;

  constructor(deps: CatalogSyncDeps) {
    this.#deps = deps;
  }

  /** Resolves when the node's own rows were written, or could not be for now. */
  async start(): Promise<void> {
    this.#startedMs = this.#deps.env.clock.monotonicMs();
    this.#markAll();
    this.#armCompare(STARTUP_GRACE_MS);
    await this.settled();
  }

  mark(kind: "service" | "check", id: string): void {
    this.#dirty.add(`${kind}/${id}`);
    this.#kick();
  }

  /** A service of this node with all its checks, as far as the catalog knows them. */
  markInstance(serviceId: string): void {
    const { view, wanted } = this.#deps;
    for (const { value } of view.table(catalogChecks).by("instance", `${wanted.node.Node}/${serviceId}`)) {
      this.mark("check", value.CheckID);
    }
    this.mark("service", serviceId);
  }

  /** Ids of this node's services in the catalog, registered in this life or left from the one before. */
  catalogued(): readonly string[] {
    const { view, wanted } = this.#deps;
    return [...view.table(catalogServices).by("node", wanted.node.Node)].map((row) => row.value.ID);
  }

  /** Resolves when what is marked now was tried. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of Object.values(this.#timers)) timer.cancel();
    await this.#running;
  }

  #kick(): void {
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = this.#work();
  }

  async #work(): Promise<void> {
    // What is registered in the same turn goes into one transaction.
    await Promise.resolve();
    while (this.#dirty.size > 0 && !this.#stopped) {
      const batch = [...this.#dirty].slice(0, ROWS_PER_TXN);
      for (const key of batch) this.#dirty.delete(key);
      if (await this.#write(batch)) continue;
      for (const key of batch) this.#dirty.add(key);
      break;
    }
    this.#running = undefined;
  }

  async #write(batch: readonly string[]): Promise<boolean> {
    const { store, view, env } = this.#deps;
    const ops = batch.flatMap((key) => this.#opFor(key));
    if (ops.length === 0) return true;
    try {
      const { revision } = await store.txn({ then: ops });
      await view.reached(revision);
      this.#retryMs = RETRY_FIRST_MS;
      return true;
    } catch (thrown) {
      if (this.#stopped) return false;
      env.log.warn("cannot write this node's services to the catalog; trying again", {
        error: messageOf(thrown),
        inMs: this.#retryMs,
      });
      this.#timers.retry = env.clock.after(this.#retryMs, () => this.#kick());
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
      return false;
    }
  }

  #opFor(key: string): readonly Op[] {
    const { view, wanted } = this.#deps;
    const slash = key.indexOf("/");
    const kind = key.slice(0, slash);
    const id = key.slice(slash + 1);
    const rowId = `${wanted.node.Node}/${id}`;
    if (kind === "node") return difference(view, catalogNodes, { id: wanted.node.Node, wanted: wanted.node });
    if (kind === "service") {
      const stored = view.table(catalogServices).get(GLOBAL, rowId)?.value;
      return difference(view, catalogServices, { id: rowId, wanted: overridden(wanted.service(id), stored) });
    }
    const check = wanted.check(id);
    if (this.#mayWait(id, check, view.table(catalogChecks).get(GLOBAL, rowId)?.value)) return [];
    return difference(view, catalogChecks, { id: rowId, wanted: check });
  }

  /** Whether output is all that differs, and there is time. A check's first output is why it fails: that does not wait. */
  #mayWait(id: string, wanted: CatalogCheck | undefined, stored: CatalogCheck | undefined): boolean {
    const outputOnly =
      wanted !== undefined &&
      stored !== undefined &&
      stored.Output !== "" &&
      wanted.Output !== stored.Output &&
      same({ ...wanted, Output: stored.Output }, stored);
    if (!outputOnly) {
      this.#deferred.delete(id);
      return false;
    }
    const nowMs = this.#deps.env.clock.monotonicMs();
    const dueMs = this.#deferred.get(id) ?? nowMs + this.#deps.checkUpdateIntervalMs;
    if (nowMs >= dueMs) {
      this.#deferred.delete(id);
      return false;
    }
    this.#deferred.set(id, dueMs);
    this.#armDeferred();
    return true;
  }

  #armDeferred(): void {
    if (this.#timers.deferred !== undefined || this.#deferred.size === 0 || this.#stopped) return;
    const { clock } = this.#deps.env;
    let earliestMs = Infinity;
    for (const dueMs of this.#deferred.values()) earliestMs = Math.min(earliestMs, dueMs);
    this.#timers.deferred = clock.after(earliestMs - clock.monotonicMs(), () => {
      delete this.#timers.deferred;
      // Those that are nearly due go along, in one write.
      const nearMs = clock.monotonicMs() + this.#deps.checkUpdateIntervalMs / 10;
      for (const [id, dueMs] of this.#deferred) {
        if (dueMs > nearMs) continue;
        this.#deferred.set(id, 0);
        this.mark("check", id);
      }
      this.#armDeferred();
    });
  }

  #armCompare(afterMs: number): void {
    this.#timers.compare = this.#deps.env.clock.after(afterMs, () => {
      this.#markAll();
      this.#armCompare(COMPARE_INTERVAL_MS);
    });
  }

  #markAll(): void {
    const { view, wanted, env } = this.#deps;
    this.#dirty.add("node/");
    for (const id of wanted.serviceIds()) this.#dirty.add(`service/${id}`);
    for (const id of wanted.checkIds()) this.#dirty.add(`check/${id}`);
    if (env.clock.monotonicMs() - this.#startedMs >= STARTUP_GRACE_MS) {
      const node = wanted.node.Node;
      for (const { value } of view.table(catalogServices).by("node", node)) this.#dirty.add(`service/${value.ID}`);
      for (const { value } of view.table(catalogChecks).by("node", node)) this.#dirty.add(`check/${value.CheckID}`);
    }
    this.#kick();
  }
}

function difference<T>(
  view: View,
  table: Table<T>,
  row: { readonly id: string; readonly wanted: T | undefined },
): readonly Op[] {
  const stored = view.table(table).get(GLOBAL, row.id);
  if (row.wanted === undefined) return stored === undefined ? [] : [remove(table, GLOBAL, row.id)];
  if (stored !== undefined && same(stored.value, row.wanted)) return [];
  return [put(table, { namespace: GLOBAL, id: row.id }, row.wanted)];
}

/** Where a service allows it, tags that others wrote into the catalog stay. */
function overridden(
  wanted: CatalogService | undefined,
  stored: CatalogService | undefined,
): CatalogService | undefined {
  const keeps = wanted?.EnableTagOverride === true && stored !== undefined && stored.Service === wanted.Service;
  return keeps ? { ...wanted, Tags: stored.Tags } : wanted;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
