import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { openSqliteStore } from "#base/platform/sqlite/sqlite-store.ts";
import { conformance } from "#base/state/conformance/conformance.ts";
import { runAgainstModel, steps } from "#test/base/state/model.ts";

const root = mkdtempSync(join(tmpdir(), "lares-sqlite-"));
test.after.always(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const freshFolder = (): string => join(root, `${++folders}`);

for (const { name, run } of conformance) {
  test(`sqlite: ${name}`, async (t) => {
    const store = await openSqliteStore({ folder: freshFolder() });
    try {
      await run(store);
      t.pass();
    } finally {
      await store.close();
    }
  });
}

test("sqlite: any history of calls, with restarts, gives what the model gives", async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const folder = freshFolder();
      const reopen = async (store: { close(): Promise<void> }) => {
        await store.close();
        return openSqliteStore({ folder });
      };
      const engine = { store: await openSqliteStore({ folder }), reopen };
      try {
        await runAgainstModel(history, engine);
      } finally {
        await engine.store.close();
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 40 },
  );
  t.pass();
});
