import type { Sink, Source } from "./source.ts";
import type { Holder, WatchPool } from "./watch-pool.ts";

/** A pool as a source: whatever several others ask of it is followed once. */
export function poolSource<D, V>(pool: WatchPool<D, V>, keyOf: (dependency: D) => string): Source<D, V> {
  return {
    follow(dependency: D, sink: Sink<V>, signal: AbortSignal): Promise<void> {
      const key = keyOf(dependency);
      const tell = (): void => {
        const known = pool.known(key);
        if (known !== undefined) sink.value(known.value);
      };
      const holder: Holder = {
        changed: tell,
        failed: (_, message, final) => sink.failed(message, final ? undefined : 0),
      };
      return new Promise((resolve) => {
        const leave = (): void => {
          pool.release(holder);
          resolve();
        };
        if (signal.aborted) return resolve();
        signal.addEventListener("abort", leave, { once: true });
        pool.settle(holder, new Map([[key, dependency]]));
        tell();
      });
    },
  };
}
