/** What is told about a dependency while it is followed. */
export interface Sink<V> {
  /** The newest answer. */
  readonly value: (value: V) => void;
  /** An attempt failed; the last answer stands. `retryMs` undefined: it was the last attempt. */
  readonly failed: (message: string, retryMs: number | undefined) => void;
}

/** Where data comes from. Resolves when the signal aborts, or after it gave up. Never rejects. */
export interface Source<D, V> {
  follow(dependency: D, sink: Sink<V>, signal: AbortSignal): Promise<void>;
}

/** The same source with every answer made into something else. */
export function mapSource<D, A, B>(source: Source<D, A>, map: (value: A) => B): Source<D, B> {
  return {
    follow: (dependency, sink, signal) =>
      source.follow(dependency, { ...sink, value: (value) => sink.value(map(value)) }, signal),
  };
}
