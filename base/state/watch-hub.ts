import { StoreError, type RevisionChange, type Watch, type WatchEnd, type WatchRequest } from "./store.ts";

/** Watches open at once. Above: the watch ends with `unavailable`. */
export const MAX_WATCHES = 10_000;

/**
 * A stretch of history, oldest first, from the revision asked for. `complete` when it reaches the newest revision
 * that was published by the time it is delivered.
 */
export interface HistoryPage {
  readonly changes: readonly RevisionChange[];
  /** Where to read on when it is not complete. */
  readonly next: number;
  readonly complete: boolean;
}

interface Watcher {
  readonly request: WatchRequest;
  /** Live ones get what is published; the others still read history. */
  live: boolean;
  ended: boolean;
}

/**
 * Reads history under a prefix and calls back once, in a later turn. A page that says it is complete must be handed over
 * in the order of `publish`: everything before it was published, nothing after it was.
 */
export type ReadHistory = (from: number, prefix: string, done: (page: HistoryPage | StoreError) => void) => void;

/** Hands every published revision to the watches, after each of them has read the history it asked for. */
export class WatchHub {
  readonly #readHistory: ReadHistory;
  readonly #watchers = new Set<Watcher>();

  constructor(readHistory: ReadHistory) {
    this.#readHistory = readHistory;
  }

  get size(): number {
    return this.#watchers.size;
  }

  open(request: WatchRequest, state: { readonly revision: number; readonly compactedRevision: number }): Watch {
    const watcher: Watcher = { request, live: false, ended: false };
    this.#watchers.add(watcher);
    const from = request.fromRevision ?? 0;
    if (this.#watchers.size > MAX_WATCHES) {
      const error = new StoreError("unavailable", `cannot watch ${request.prefix}: ${MAX_WATCHES} watches are open`);
      void this.#endSoon(watcher, { kind: "failed", error });
    } else if (from !== 0 && from <= state.compactedRevision) {
      void this.#endSoon(watcher, { kind: "compacted", compactedRevision: state.compactedRevision });
    } else if (from === 0 || from > state.revision) {
      watcher.live = true;
    } else {
      this.#catchUp(watcher, from);
    }
    return { cancel: () => this.#end(watcher, { kind: "cancelled" }) };
  }

  publish(change: RevisionChange): void {
    for (const watcher of this.#watchers) if (watcher.live) deliver(watcher, change);
  }

  endAll(reason: WatchEnd): void {
    for (const watcher of this.#watchers) this.#end(watcher, reason);
  }

  #catchUp(watcher: Watcher, from: number): void {
    this.#readHistory(from, watcher.request.prefix, (page) => {
      if (watcher.ended) return;
      if (page instanceof StoreError) return this.#end(watcher, endOf(page, from));
      for (const change of page.changes) deliver(watcher, change);
      if (page.complete) watcher.live = true;
      else this.#catchUp(watcher, page.next);
    });
  }

  /** In a later turn, so that the caller holds its watch before it hears of the end. */
  async #endSoon(watcher: Watcher, reason: WatchEnd): Promise<void> {
    await Promise.resolve();
    this.#end(watcher, reason);
  }

  #end(watcher: Watcher, reason: WatchEnd): void {
    if (watcher.ended) return;
    watcher.ended = true;
    this.#watchers.delete(watcher);
    watcher.request.onEnd(reason);
  }
}

function endOf(error: StoreError, from: number): WatchEnd {
  if (error.code === "closed") return { kind: "closed" };
  if (error.code === "compacted") return { kind: "compacted", compactedRevision: from };
  return { kind: "failed", error };
}

function deliver(watcher: Watcher, change: RevisionChange): void {
  const { prefix, fromRevision = 0, onRevision } = watcher.request;
  if (watcher.ended || change.revision < fromRevision) return;
  const under = (key: string): boolean => key.startsWith(prefix);
  const changes = change.changes.filter((one) => under(one.kind === "put" ? one.record.key : one.key));
  if (changes.length > 0) onRevision({ revision: change.revision, changes });
}
