import { registerCompletionHandler } from "ava";

/** What a finished file may still need to close its sockets and end its children. */
const MAY_TAKE_MS = 10_000;

/**
 * ava waits for a file's process to end by itself, without a limit where one of its tests named a time of its own. A file whose
 * tests are over and whose process goes on fails here, and says what holds it.
 */
registerCompletionHandler(() => {
  const timer = setTimeout(() => {
    console.error(`the tests are over, and this holds their process: ${process.getActiveResourcesInfo().join(", ")}`);
    process.exit(1);
  }, MAY_TAKE_MS);
  timer.unref();
});
