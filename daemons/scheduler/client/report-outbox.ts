import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { AllocReport } from "#base/protocol/alloc.ts";
import type { ServerLink } from "../link.ts";
import { backoffMs } from "./backoff.ts";

export interface ReportOutbox {
  put(report: AllocReport): void;
  /** Tries once more to send what is left. */
  close(): Promise<void>;
}

/** How many allocations one call reports. */
const MAX_BATCH = 500;

/**
 * The newest report of each allocation, sent as soon as nothing is under way: the first goes out at once, and what
 * changes meanwhile goes in one batch after it. Unsent reports survive a server that is away.
 */
export function createReportOutbox(env: Env, link: ServerLink): ReportOutbox {
  const waiting = new Map<string, AllocReport>();
  const closing = new AbortController();
  let sending: Promise<void> | undefined;

  const sendBatch = async (): Promise<void> => {
    const batch = [...waiting.values()].slice(0, MAX_BATCH);
    for (const report of batch) waiting.delete(report.AllocID);
    try {
      await link.report(batch);
    } catch (thrown) {
      for (const report of batch) if (!waiting.has(report.AllocID)) waiting.set(report.AllocID, report);
      throw thrown;
    }
  };

  const send = async (): Promise<void> => {
    // One turn later, all that one event changed is here.
    await new Promise<void>((resolve) => env.clock.soon(resolve));
    for (let failures = 0; waiting.size > 0 && !closing.signal.aborted;) {
      try {
        await sendBatch();
        failures = 0;
      } catch (thrown) {
        failures += 1;
        env.log.warn("cannot report allocations to the servers; trying again", { error: messageOf(thrown) });
        await sleep(env.clock, backoffMs(failures, env.random), closing.signal);
      }
    }
    sending = undefined;
  };

  return {
    put(report) {
      waiting.set(report.AllocID, report);
      sending ??= send();
    },
    async close() {
      closing.abort();
      await sending;
      if (waiting.size > 0) await sendBatch().catch(() => {});
    },
  };
}
