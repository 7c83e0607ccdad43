import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { AllocRunner } from "./alloc/alloc-runner.ts";
import { groupOf } from "./alloc/group-tasks.ts";

/** Ends what must not outlive its servers. */
export interface LonelyStop {
  /** A server answered. */
  heard(): void;
  /** None did. */
  missed(): void;
  close(): void;
}

/** A runner as far as this is concerned. */
type Running = Pick<AllocRunner, "current" | "isTerminal" | "stop">;

/**
 * Stops allocations whose group says `stop_on_client_after` once no server has answered for that long: by then the
 * servers place them elsewhere. Counts from the last answer, or from when this agent started.
 * https://developer.hashicorp.com/nomad/docs/job-specification/disconnect#stop_on_client_after
 */
export function stopWhenLonely(env: Env, runners: () => Iterable<Running>): LonelyStop {
  let lastMs = env.clock.monotonicMs();
  let timer: Timer | undefined;

  const look = (): void => {
    timer?.cancel();
    timer = undefined;
    const lonelyMs = env.clock.monotonicMs() - lastMs;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const runner of runners()) {
      const afterNs = groupOf(runner.current)?.Disconnect?.StopOnClientAfter ?? 0;
      if (afterNs <= 0 || runner.isTerminal()) continue;
      const leftMs = afterNs / 1e6 - lonelyMs;
      if (leftMs > 0) nextMs = Math.min(nextMs, leftMs);
      else void runner.stop();
    }
    if (Number.isFinite(nextMs)) timer = env.clock.after(nextMs, look);
  };

  return {
    heard() {
      lastMs = env.clock.monotonicMs();
      timer?.cancel();
      timer = undefined;
    },
    missed: look,
    close() {
      timer?.cancel();
    },
  };
}
