import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { AllocsReply, ServerLink } from "../link.ts";
import { backoffMs } from "./backoff.ts";

/** How long one poll is held open. */
const POLL_MS = 300_000;

export interface AllocWatch {
  close(): void;
}

/** Follows what the servers want of this node. `apply` gets the whole list whenever it changed. */
export function watchAllocs(
  env: Env,
  link: ServerLink,
  target: {
    readonly nodeId: string;
    readonly ready: Promise<void>;
    readonly apply: (reply: AllocsReply) => void;
  },
): AllocWatch {
  const closing = new AbortController();
  const run = async (): Promise<void> => {
    await target.ready;
    let index = 0;
    for (let failures = 0; !closing.signal.aborted;) {
      try {
        const reply = await link.allocs({ nodeId: target.nodeId, index, waitMs: POLL_MS, signal: closing.signal });
        if (closing.signal.aborted) return;
        // An index that went back means another store: start over.
        const moved = reply.index !== index;
        index = reply.index < index ? 0 : reply.index;
        failures = 0;
        if (moved) target.apply(reply);
      } catch (thrown) {
        if (closing.signal.aborted) return;
        failures += 1;
        env.log.warn("cannot learn this node's allocations; trying again", { error: messageOf(thrown) });
        await sleep(env.clock, backoffMs(failures, env.random), closing.signal);
      }
    }
  };
  void run();
  return { close: () => closing.abort() };
}
