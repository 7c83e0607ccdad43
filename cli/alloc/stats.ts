import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { integer, number } from "#base/protocol/schema.ts";
import type { NomadSession } from "../api/session.ts";
import { bytes } from "../print/bytes.ts";

const UsageSchema = v.object({
  MemoryStats: v.object({ RSS: integer, Usage: integer }),
  CpuStats: v.object({ Percent: number, TotalTicks: number }),
});
/** https://developer.hashicorp.com/nomad/api-docs/client#read-allocation-statistics */
const StatsSchema = v.object({
  Tasks: v.nullish(v.record(v.string(), v.object({ ResourceUsage: UsageSchema })), () => ({})),
});

export interface TaskUsage {
  readonly cpuMhz: number;
  readonly memory: string;
}

/** What each task uses now; empty when its node cannot be asked. */
export async function usageOf({ nomad }: NomadSession, allocId: string): Promise<ReadonlyMap<string, TaskUsage>> {
  const path = `/v1/client/allocation/${segment(allocId)}/stats`;
  const answer = await nomad.call({ path, schema: StatsSchema });
  if (!answer.ok) return new Map();
  return new Map(
    Object.entries(answer.value.value.Tasks).map(([name, { ResourceUsage: used }]) => [
      name,
      {
        cpuMhz: Math.round(used.CpuStats.TotalTicks),
        memory: bytes(Math.max(used.MemoryStats.RSS, used.MemoryStats.Usage)),
      },
    ]),
  );
}
