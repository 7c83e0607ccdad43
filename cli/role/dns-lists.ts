import { loadMallocTrim } from "#base/platform/malloc-trim.ts";
import { takeShortTurns } from "#base/platform/priority.ts";
import { startWorker } from "#base/platform/embedded/worker.ts";
import type { BuiltLists } from "#daemons/dns/filter/build-lists.ts";
import type { BuildLists } from "#daemons/dns/lists/list-keeper.ts";

type Reply = { readonly built: BuiltLists } | { readonly problem: string };

/** A thread for each build: it reads the files, its garbage goes when it ends, the set's memory stays shared. */
export const buildListsInThread: BuildLists = async (seed, files) => {
  // Questions that come meanwhile do not wait for the end of the thread's turn.
  const endShortTurns = await takeShortTurns();
  try {
    const built = await buildInThread(seed, files);
    // What the thread took, the C library would keep for another one.
    (await loadMallocTrim())();
    return built;
  } finally {
    endShortTurns();
  }
};

const buildInThread: BuildLists = (seed, files) =>
  new Promise((resolve, reject) => {
    const worker = startWorker("cli/role/dns-lists-worker.ts");
    worker.once("error", reject);
    const ended = (code: number): void => reject(new Error(`the thread that builds block lists ended with ${code}`));
    worker.once("exit", ended);
    worker.once("message", (reply: Reply) => {
      worker.off("exit", ended);
      void worker.terminate().then(() => {
        if ("built" in reply) resolve(reply.built);
        else reject(new Error(reply.problem));
      });
    });
    worker.postMessage({ seed, files });
  });
