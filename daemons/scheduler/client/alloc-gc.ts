import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { AllocRunner } from "./alloc/alloc-runner.ts";

export interface GcScope {
  readonly root: string;
  readonly runners: ReadonlyMap<string, AllocRunner>;
  /** Folders of ended allocations that may stay. */
  readonly maxAllocs: number;
  /** Above this share of the disk in use, all of them go. */
  readonly maxDiskPercent: number;
  /** Removes an allocation's folder. */
  readonly remove: (runner: AllocRunner) => Promise<void>;
}

/** Removes what is too much; what cannot be removed is there the next time. */
export async function collectSurplus(env: Env, scope: GcScope): Promise<void> {
  try {
    for (const runner of await surplus(env, scope)) await scope.remove(runner);
  } catch (thrown) {
    env.log.warn("cannot remove the folders of ended allocations", { error: messageOf(thrown) });
  }
}

/** Those whose folders go now, the longest ended first. That an allocation ended stays known until the servers forget it. */
async function surplus(env: Env, scope: GcScope): Promise<readonly AllocRunner[]> {
  const there = new Set(await env.disk.list(scope.root));
  const ended = [...scope.runners.values()]
    .filter((runner) => runner.isTerminal() && there.has(runner.current.alloc.ID))
    .sort((a, b) => endOf(a) - endOf(b));
  const { freeBytes, totalBytes } = await env.disk.space(scope.root);
  const usedPercent = totalBytes === 0 ? 0 : 100 * (1 - freeBytes / totalBytes);
  const stay = usedPercent > scope.maxDiskPercent ? 0 : scope.maxAllocs;
  return ended.slice(0, Math.max(0, ended.length - stay));
}

function endOf(runner: AllocRunner): number {
  return Math.max(0, ...[...runner.tasks.values()].map((task) => task.record().state.FinishedAt));
}
