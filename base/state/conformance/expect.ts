import { isDeepStrictEqual } from "node:util";
import { AssertionError } from "#base/env/assert.ts";
import {
  StoreError,
  type Op,
  type RevisionChange,
  type Store,
  type StoreErrorCode,
  type TxnResult,
  type WatchEnd,
} from "../store.ts";

export function put(key: string, value: string): Op {
  return { op: "put", key, value };
}

export function write(store: Store, ...then: readonly Op[]): Promise<TxnResult> {
  return store.txn({ then });
}

/** What a watch saw so far. */
export interface Watched {
  readonly changes: RevisionChange[];
  readonly ends: WatchEnd[];
  revisions(): number[];
  cancel(): void;
}

export function watch(store: Store, prefix: string, fromRevision?: number): Watched {
  const changes: RevisionChange[] = [];
  const ends: WatchEnd[] = [];
  const started = store.watch({
    prefix,
    ...(fromRevision === undefined ? {} : { fromRevision }),
    onRevision: (change) => changes.push(change),
    onEnd: (reason) => ends.push(reason),
  });
  return { changes, ends, revisions: () => changes.map(({ revision }) => revision), cancel: () => started.cancel() };
}

/** Asks the store something else between looks: whatever is on its way arrives meanwhile. */
export async function until(store: Store, condition: () => boolean, what: string): Promise<void> {
  for (let looks = 0; !condition(); looks++) {
    if (looks > 10_000) throw new AssertionError(`waited in vain for ${what}`);
    await store.range({ prefix: "", limit: 1 });
  }
}

export async function fails(promise: Promise<unknown>, code: StoreErrorCode): Promise<void> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof StoreError && thrown.code === code && thrown.message !== "") return;
    throw thrown;
  }
  throw new AssertionError(`expected a failure with code ${code}`);
}

export function same(actual: unknown, expected: unknown, what = ""): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new AssertionError(`${what} expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}
