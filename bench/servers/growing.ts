import { until } from "#test/scenario/agent.ts";
import { GrowingCluster, stateOf } from "#test/scenario/servers/growth.ts";
import { SteadyWriter } from "#test/scenario/servers/steady-writer.ts";
import { measureOf, type BenchContext, type Measure } from "../harness.ts";

const KEYS = 2000;
const ms = { unit: "ms", better: "less" } as const;

/** One server on SQLite that two others join, while somebody writes all the time. */
export async function measureGrowing(context: BenchContext): Promise<readonly Measure[]> {
  const joins: number[] = [];
  const pauses: number[] = [];
  for (let i = 0; i < (context.quick ? 1 : 3); i += 1) {
    const cluster = new GrowingCluster();
    try {
      const grown = await grow(cluster);
      joins.push(...grown.joinsMs);
      pauses.push(grown.pauseMs);
      context.say(
        `writes paused for ${Math.round(grown.pauseMs)} ms, joined in ${grown.joinsMs.map(Math.round).join(", ")} ms`,
      );
    } finally {
      await cluster.remove();
    }
  }
  return [
    measureOf(
      { ...ms, name: "a server joins → its APIs answer", target: { text: "≤ 10 s", atMost: 10_000 } },
      ...joins,
    ),
    measureOf(
      { ...ms, name: "from one server to three: the longest write", target: { text: "≤ 2 s", atMost: 2000 } },
      ...pauses,
    ),
  ];
}

async function grow(
  cluster: GrowingCluster,
): Promise<{ readonly joinsMs: readonly number[]; readonly pauseMs: number }> {
  const one = await cluster.add("g0");
  for (let i = 0; i < KEYS; i += 1) await fetch(`${one.consul}/v1/kv/old/${i}`, { method: "PUT", body: `${i}` });
  const writer = new SteadyWriter([one.consul]);
  try {
    const joinsMs: number[] = [];
    for (const name of ["g1", "g2"]) {
      const began = performance.now();
      await cluster.add(name);
      joinsMs.push(performance.now() - began);
    }
    await until("all members vote", async () => {
      const { Members } = await stateOf(one).catch(() => ({ Members: [] }));
      return Members.length === 3 && Members.every(({ Voter, Healthy }) => Voter && Healthy);
    });
    return { joinsMs, pauseMs: writer.longestPauseMs };
  } finally {
    await writer.stop();
  }
}
