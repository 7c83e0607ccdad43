import type { Log } from "#base/env/log.ts";
import type { Source } from "./source.ts";

/** Who is told of changes of what it asked for. */
export interface Holder {
  changed(key: string): void;
  /** A dependency cannot be followed. `final`: nobody tries any more. */
  failed(key: string, message: string, final: boolean): void;
}

export interface WatchPoolOptions<D, V> {
  readonly source: Source<D, V>;
  /** Undefined: nothing is said, as of a pool whose source is another. */
  readonly log: Log | undefined;
}

interface Watch<V> {
  readonly abort: AbortController;
  readonly holders: Set<Holder>;
  value: { readonly value: V } | undefined;
  failure: { readonly message: string; readonly final: boolean } | undefined;
}

/** Most dependencies one template may ask for; more are refused. */
export const MAX_DEPENDENCIES = 10_000;

/** Follows every distinct dependency once, for as long as anybody holds it. Equal dependencies have equal keys. */
export class WatchPool<D, V> {
  readonly #options: WatchPoolOptions<D, V>;
  readonly #watches = new Map<string, Watch<V>>();
  readonly #held = new Map<Holder, ReadonlySet<string>>();
  readonly #running = new Set<Promise<void>>();
  #stopped = false;

  constructor(options: WatchPoolOptions<D, V>) {
    this.#options = options;
  }

  /** How many dependencies are followed. */
  get size(): number {
    return this.#watches.size;
  }

  /** The newest answer; undefined: there is none yet. */
  known(key: string): { readonly value: V } | undefined {
    return this.#watches.get(key)?.value;
  }

  /** Makes these all that the holder asks for, or adds them (`keep`). What it was the last to hold is followed no more. */
  settle(holder: Holder, asked: ReadonlyMap<string, D>, { keep = false }: { readonly keep?: boolean } = {}): void {
    if (this.#stopped) return;
    const before = this.#held.get(holder) ?? new Set<string>();
    this.#held.set(holder, new Set([...(keep ? before : []), ...asked.keys()]));
    for (const [key, dependency] of asked) {
      const watch = this.#watches.get(key);
      if (watch === undefined) this.#begin(key, dependency, holder);
      else if (!watch.holders.has(holder)) {
        watch.holders.add(holder);
        if (watch.failure !== undefined) holder.failed(key, watch.failure.message, watch.failure.final);
      }
    }
    if (!keep) for (const key of before) if (!asked.has(key)) this.#drop(key, holder);
  }

  release(holder: Holder): void {
    for (const key of this.#held.get(holder) ?? []) this.#drop(key, holder);
    this.#held.delete(holder);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { abort } of this.#watches.values()) abort.abort();
    this.#watches.clear();
    this.#held.clear();
    await Promise.all(this.#running);
  }

  #begin(key: string, dependency: D, holder: Holder): void {
    const abort = new AbortController();
    const watch: Watch<V> = { abort, holders: new Set([holder]), value: undefined, failure: undefined };
    this.#watches.set(key, watch);
    const { source, log } = this.#options;
    log?.debug("following", { dependency: key });
    const value = (newest: V): void => {
      if (abort.signal.aborted) return;
      log?.debug("received", { dependency: key });
      watch.value = { value: newest };
      watch.failure = undefined;
      for (const each of watch.holders) each.changed(key);
    };
    const failed = (message: string, retryMs: number | undefined): void => {
      if (abort.signal.aborted) return;
      const final = retryMs === undefined;
      watch.failure = { message, final };
      if (final) log?.error("cannot follow, giving up", { dependency: key, error: message });
      else log?.warn("cannot follow, trying again", { dependency: key, error: message, retryMs: Math.round(retryMs) });
      for (const each of watch.holders) each.failed(key, message, final);
    };
    const running = source
      .follow(dependency, { value, failed }, abort.signal)
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #drop(key: string, holder: Holder): void {
    const watch = this.#watches.get(key);
    if (watch === undefined) return;
    watch.holders.delete(holder);
    if (watch.holders.size > 0) return;
    this.#options.log?.debug("following no more", { dependency: key });
    watch.abort.abort();
    this.#watches.delete(key);
  }
}
