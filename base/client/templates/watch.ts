import type { Clock } from "#base/env/clock.ts";
import { sleep } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import { dependencyPath, readDependency, type Dependency, type DependencyValue } from "./dependency.ts";

/** One blocking query. `value` undefined: not found. */
export type BlockingGet = (request: {
  readonly path: string;
  readonly index: number;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}) => Promise<{ readonly index: number; readonly value: unknown }>;

export interface WatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly get: BlockingGet;
  readonly onValue: (value: DependencyValue) => void;
}

const BLOCK_MS = 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Follows one dependency until `signal` aborts. While the servers are away the last value stands, and the pause
 * between attempts doubles from 250 ms to a minute.
 */
export async function watchDependency(dependency: Dependency, deps: WatchDeps, signal: AbortSignal): Promise<void> {
  let index = 0;
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const reply = await deps.get({ path: dependencyPath(dependency), index, waitMs: BLOCK_MS, signal });
      if (signal.aborted) return;
      pauseMs = FIRST_PAUSE_MS;
      if (reply.index === index && index !== 0) continue;
      // An index that went backwards means the state was restored: start over (Consul API, blocking queries).
      index = reply.index < index ? 0 : Math.max(1, reply.index);
      deps.onValue(readDependency(dependency, reply.value));
    } catch (error) {
      if (signal.aborted) return;
      deps.log.warn("cannot follow a template dependency, keeping its last value", {
        path: dependencyPath(dependency),
        error: messageOf(error),
        retryMs: pauseMs,
      });
      await sleep(deps.clock, pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }
}
