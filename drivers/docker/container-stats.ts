import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { nowNs } from "#base/env/clock.ts";
import { fail, succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { TaskStats } from "../driver.ts";
import type { Engine } from "./engine.ts";

const count = v.nullish(v.number(), 0);
const StatsSchema = v.object({
  cpu_stats: v.object({ cpu_usage: v.object({ total_usage: count }) }),
  memory_stats: v.object({ usage: count, stats: v.nullish(v.record(v.string(), v.number()), () => ({})) }),
  pids_stats: v.object({ current: count }),
});

export interface ContainerStats {
  measure(id: string): Promise<Result<TaskStats>>;
  forget(id: string): void;
}

const NS_PER_TICK = 1e7;

/** One look at a container; CPU per cent is since the look before. */
export function createContainerStats(env: Env, engine: Engine): ContainerStats {
  const before = new Map<string, { readonly cpuNs: number; readonly atMs: number }>();
  return {
    async measure(id) {
      const answer = await engine.call({ path: `/containers/${id}/stats?stream=false&one-shot=true` });
      const parsed = v.safeParse(StatsSchema, answer.value);
      if (!answer.ok || !parsed.success) return fail("STATS", `the engine gives no statistics: ${answer.message}`);
      const { cpu_stats: cpu, memory_stats: memory, pids_stats: pids } = parsed.output;
      const cpuNs = cpu.cpu_usage.total_usage;
      const atMs = env.clock.monotonicMs();
      const last = before.get(id);
      before.set(id, { cpuNs, atMs });
      const elapsedNs = last === undefined ? 0 : (atMs - last.atMs) * 1e6;
      return succeed({
        timestampNs: nowNs(env.clock),
        memoryRssBytes: memory.stats["rss"] ?? memory.stats["anon"] ?? 0,
        memoryUsageBytes: memory.usage,
        cpuPercent: last === undefined || elapsedNs <= 0 ? 0 : (Math.max(0, cpuNs - last.cpuNs) / elapsedNs) * 100,
        cpuTotalTicks: Math.round(cpuNs / NS_PER_TICK),
        pids: pids.current,
      });
    },
    forget: (id) => void before.delete(id),
  };
}
