import type { Env } from "#base/env/env.ts";
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import type { Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import * as tables from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";

export interface State {
  readonly store: Store;
  readonly view: View;
  close(): Promise<void>;
}

/** The embedded store, and the view of all its tables. Rejects with a `StoreError` that says what to do. */
export async function openState(folder: string, { clock, log }: Pick<Env, "clock" | "log">): Promise<State> {
  const store = await openSqliteStore({ folder, log: log.child("state"), early: true });
  try {
    const view = await followView(store, Object.values(tables), {
      soon: (run) => clock.soon(run),
      log: log.child("view"),
      onEnd: (reason) => log.error("the view no longer follows the store", { reason }),
    });
    return {
      store,
      view,
      close: async () => {
        view.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
