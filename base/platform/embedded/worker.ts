import { Worker, type WorkerOptions } from "node:worker_threads";
import { assert } from "#base/env/assert.ts";
import { programShape, readEmbeddedText, sourceRoot } from "./files.ts";
import { mapStack } from "./stack-trace.ts";

/** What Node puts before the stack of an uncaught error: the place, the line of bundled code, an arrow. */
const EXCERPT = /^lares-worker:.*\n.*\n *\^+\n\n/;

/**
 * Starts a worker thread in every shape of the program.
 * @param path the worker's source in the repository, ending in `-worker.ts`
 */
export function startWorker(path: string, options: Omit<WorkerOptions, "eval"> = {}): Worker {
  assert(path.endsWith("-worker.ts"), `a worker's file ends in -worker.ts, which is what the build looks for: ${path}`);
  if (programShape() === "source") return new Worker(`${sourceRoot()}/${path}`, options);
  const text = readEmbeddedText(path);
  assert(text !== undefined, `the build embeds every *-worker.ts: ${path}`);
  const worker = new Worker(text, { ...options, eval: true });
  // First listener: whoever listens later reads the stack with its sources mapped.
  worker.on("error", (error) => {
    if (!(error instanceof Error) || error.stack === undefined) return;
    const stack = mapStack(error.stack.replace(EXCERPT, ""));
    Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
  });
  return worker;
}
