import { sleep, type Clock } from "#base/env/clock.ts";
import type { Change, RevisionChange, StoreRecord, WatchEnd, WatchRequest } from "../store.ts";
import type { EtcdApi, EtcdEvent, EtcdWatch, EtcdWatchEnd } from "./api.ts";
import { HIDDEN_MARK } from "./hidden.ts";

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

export interface FollowedWatchDeps {
  readonly api: EtcdApi;
  readonly clock: Clock;
  /** Looks at a record before it is handed on. */
  readonly attach: (record: StoreRecord) => StoreRecord;
  /** Every revision that is heard of. */
  readonly onRevision: (revision: number) => void;
}

/**
 * One watch of the contract over as many of etcd's as it takes: where a member is lost, the next goes on from the revision
 * after the last. A watch of everything hears of each revision, with no changes where those are hidden.
 */
export class FollowedWatch {
  readonly #deps: FollowedWatchDeps;
  readonly #request: WatchRequest;
  #next: number;
  #watch: EtcdWatch | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #ended = false;

  constructor(deps: FollowedWatchDeps, request: WatchRequest, fromRevision: number) {
    this.#deps = deps;
    this.#request = request;
    this.#next = fromRevision;
  }

  start(): void {
    if (this.#ended) return;
    this.#watch = this.#deps.api.watch({
      span: { prefix: this.#request.prefix },
      // From one earlier, so that etcd refuses exactly what the contract has it refuse: a deletion at the revision that was
      // compacted is gone, though etcd would still hand out what else happened there.
      startRevision: Math.max(1, this.#next - 1),
      onEvents: (events) => this.#deliver(events),
      onProgress: (revision) => (this.#next = Math.max(this.#next, revision + 1)),
      onEnd: (end) => this.#onEnd(end),
    });
  }

  end(reason: WatchEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch?.cancel();
    this.#request.onEnd(reason);
  }

  #deliver(events: readonly EtcdEvent[]): void {
    this.#pauseMs = FIRST_PAUSE_MS;
    for (let i = 0; i < events.length && !this.#ended;) {
      const revision = revisionOf(events[i]);
      const changes: Change[] = [];
      for (; i < events.length && revisionOf(events[i]) === revision; i++) this.#collect(events[i], changes);
      if (revision >= this.#next) this.#hand({ revision, changes });
    }
  }

  #hand(change: RevisionChange): void {
    this.#next = change.revision + 1;
    this.#deps.onRevision(change.revision);
    if (change.changes.length > 0 || this.#request.prefix === "") this.#request.onRevision(change);
  }

  #collect(event: EtcdEvent | undefined, changes: Change[]): void {
    if (event === undefined) return;
    if (event.kind === "put") {
      if (!event.record.key.startsWith(HIDDEN_MARK))
        changes.push({ kind: "put", record: this.#deps.attach(event.record) });
    } else if (!event.key.startsWith(HIDDEN_MARK)) {
      changes.push({ kind: "delete", key: event.key, previous: event.previous });
    }
  }

  #onEnd(end: EtcdWatchEnd): void {
    if (this.#ended) return;
    if (end.kind === "compacted") return this.end({ kind: "compacted", compactedRevision: end.compactRevision });
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    void sleep(this.#deps.clock, pauseMs).then(() => this.start());
  }
}

function revisionOf(event: EtcdEvent | undefined): number {
  if (event === undefined) return 0;
  return event.kind === "put" ? event.record.modRevision : event.modRevision;
}
