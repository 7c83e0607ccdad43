import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { HttpError } from "#base/http/http-error.ts";
import { startWorker } from "#base/platform/embedded/worker.ts";
import { ParsedTextSchema, type ParsedText, type ParseRequest } from "#daemons/scheduler/http/parse-job-text.ts";

/** Threads at one time; whoever comes then is asked to come again. */
const MAX_THREADS = 2;
const MAX_MS = 10_000;
const MAX_HEAP_MB = 256;

/** Reads large job files in a thread of their own, so that nobody else waits for them. */
export function parsingApart({ clock }: Pick<Env, "clock">): (request: ParseRequest) => Promise<ParsedText> {
  let threads = 0;
  return async (request) => {
    if (threads >= MAX_THREADS) {
      throw new HttpError(429, `${MAX_THREADS} large job files are being read already: try again in a moment`);
    }
    threads += 1;
    const worker = startWorker("cli/agent/parse-worker.ts", {
      workerData: request,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    const late = Promise.withResolvers<never>();
    const timer = clock.after(MAX_MS, () => late.reject(tooMuch(`takes longer than ${MAX_MS / 1000} s to read`)));
    try {
      const answer = new Promise<unknown>((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", (error: unknown) => reject(tooMuch(`cannot be read: ${messageOf(error)}`)));
        worker.once("exit", () => reject(tooMuch("cannot be read")));
      });
      return v.parse(ParsedTextSchema, await Promise.race([answer, late.promise]));
    } finally {
      timer.cancel();
      threads -= 1;
      await worker.terminate();
    }
  };
}

function tooMuch(why: string): HttpError {
  return new HttpError(400, `the job file ${why}: make it smaller, or read it with "job run -output"`);
}
