import type { Clock } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { Random } from "#base/env/random.ts";
import type { ApiResult } from "../api-caller.ts";
import { watch, type BlockingRead } from "../watch.ts";
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
  readonly random: Random;
  readonly log: Log;
  readonly get: BlockingGet;
  readonly onValue: (value: DependencyValue) => void;
}

const BLOCK_MS = 60_000;

/** Follows one dependency until `signal` aborts. While the servers are away the last value stands. */
export async function watchDependency(dependency: Dependency, deps: WatchDeps, signal: AbortSignal): Promise<void> {
  const path = dependencyPath(dependency);
  const answers = watch((at) => readAt(dependency, deps, at), {
    clock: deps.clock,
    random: deps.random,
    signal,
    waitMs: BLOCK_MS,
    onFailure: ({ message }, retryMs) => {
      deps.log.warn("cannot follow a template dependency, keeping its last value", { path, error: message, retryMs });
      return true;
    },
  });
  for await (const { value } of answers) if (value !== undefined) deps.onValue(value);
}

/** An answer of another shape than expected is a failure like one that does not come. */
async function readAt(
  dependency: Dependency,
  { get }: WatchDeps,
  { block, signal }: Parameters<BlockingRead<DependencyValue>>[0],
): Promise<ApiResult<DependencyValue>> {
  try {
    const { index, value } = await get({ path: dependencyPath(dependency), ...block, signal });
    const read = readDependency(dependency, value);
    return { ok: true, value: { value: read, index: Math.max(1, index), nextToken: "" } };
  } catch (thrown) {
    return { ok: false, error: { code: "failed", message: messageOf(thrown), status: 0, index: 0 } };
  }
}
