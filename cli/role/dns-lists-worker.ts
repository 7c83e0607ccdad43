import { readFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { assert } from "#base/env/assert.ts";
import { messageOf } from "#base/env/errors.ts";
import { goBehind } from "#base/platform/priority.ts";
import { buildLists } from "#daemons/dns/filter/build-lists.ts";
import type { ListFile } from "#daemons/dns/lists/list-keeper.ts";

/** Builds one set of block lists away from the thread that answers questions, and ends. */
function run(): void {
  const port = parentPort;
  assert(port !== null, "this file runs as a worker thread");
  // Whoever answers goes first, however few processors there are.
  goBehind();
  port.once("message", ({ seed, files }: { readonly seed: number; readonly files: readonly ListFile[] }) => {
    try {
      const texts = files.map(({ id, kind, path }) => ({ id, kind, text: readFileSync(path) }));
      port.postMessage({ built: buildLists(seed, texts) });
    } catch (thrown) {
      port.postMessage({ problem: messageOf(thrown) });
    }
  });
}

run();
