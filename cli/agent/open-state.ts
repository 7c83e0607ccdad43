import type { Env } from "#base/env/env.ts";
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import { OffsetStore } from "#base/state/index-offset.ts";
import { FormerShapes } from "#base/state/shapes/former-shapes.ts";
import { RestoreWatch } from "#base/state/snapshot/restore-watch.ts";
import type { Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import * as tables from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";

export interface State {
  readonly store: Store;
  readonly view: View;
  /** Around the engine: what is written passes it. */
  readonly held: FormerShapes;
  close(): Promise<void>;
}

/** The embedded store, and the view of all its tables. Rejects with a `StoreError` that says what to do. */
export async function openState(folder: string, env: Pick<Env, "clock" | "log">, indexOffset = 0): Promise<State> {
  const store = await openSqliteStore({ folder, log: env.log.child("state"), early: true });
  return followState(indexOffset === 0 ? store : new OffsetStore(store, indexOffset), env);
}

/** The view of all tables of a store, which is closed with it. `onEnd`: the view fell behind for good. */
export async function followState(
  engine: Store,
  { clock, log }: Pick<Env, "clock" | "log">,
  onEnd: () => void = () => {},
): Promise<State> {
  const store = new FormerShapes(engine, Object.values(tables));
  const restoring = new RestoreWatch({ store, clock, log });
  try {
    await restoring.finish();
    const view = await followView(store, Object.values(tables), {
      soon: (run) => clock.soon(run),
      log: log.child("view"),
      onRestoring: (isGoingOn) => restoring.told(isGoingOn),
      onEnd: (reason) => {
        log.error("the view no longer follows the store", { reason });
        if (reason !== "closed") onEnd();
      },
    });
    return {
      store,
      view,
      held: store,
      close: async () => {
        restoring.stop();
        view.close();
        await store.close();
      },
    };
  } catch (error) {
    restoring.stop();
    await store.close();
    throw error;
  }
}
