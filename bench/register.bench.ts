import { Connection } from "./api/client.ts";
import { jobBody, startServer } from "./api/start-server.ts";
import { measureOf, type Bench, type BenchContext } from "./harness.ts";

const CONNECTIONS = 32;
const NODES = 20;

export const bench: Bench = {
  name: "register",
  title: "Registering jobs over HTTP: durable, versioned, evaluated",
  async run(context) {
    const count = context.quick ? 300 : 1000;
    const perSecond: number[] = [];
    const p50: number[] = [];
    const p99: number[] = [];
    for (let round = 0; round < context.rounds; round++) {
      const { rate, latencies } = await registerAll(context, count);
      perSecond.push(rate);
      p50.push(latencies[Math.floor(latencies.length * 0.5)]!);
      p99.push(latencies[Math.floor(latencies.length * 0.99)]!);
      context.say(`round ${round + 1}: ${rate.toFixed(0)}/s, p99 ${p99.at(-1)!.toFixed(1)} ms`);
    }
    const rate = { unit: "ops/s", better: "more" } as const;
    const took = { unit: "ms", better: "less" } as const;
    return {
      measures: [
        measureOf(
          {
            name: `${count} jobs, ${CONNECTIONS} connections`,
            ...rate,
            target: { text: "at least 1,900/s", atLeast: 1900 },
          },
          ...perSecond,
        ),
        measureOf({ name: "one registration, median", ...took }, ...p50),
        measureOf(
          { name: "one registration, 99 of 100", ...took, target: { text: "at most 50 ms", atMost: 50 } },
          ...p99,
        ),
      ],
      notes: [
        `Each job is a PUT /v1/jobs of one group with one task on a server with ${NODES} nodes, which schedules them meanwhile; an answer means that job, version and evaluation are synced to the disk and can be read.`,
        "For scale: Nomad registers 635 jobs a second with a p99 of 150 ms on a machine of this kind.",
      ],
    };
  },
};

async function registerAll(context: BenchContext, count: number) {
  const server = await startServer(context, NODES);
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => Connection.open(server.port)));
  // What the first requests compile is not what is measured.
  for (let i = 0; i < 200; i++) await connections[i % CONNECTIONS]!.ask("PUT", "/v1/jobs", jobBody(`warm-${i}`, 1));
  let next = 0;
  const latencies: number[] = [];
  const began = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      for (let i = next++; i < count; i = next++) {
        const sent = performance.now();
        const { status, body } = await connection.ask("PUT", "/v1/jobs", jobBody(`job-${i}`, 1));
        if (status !== 200) throw new Error(`not registered: ${status} ${body}`);
        latencies.push(performance.now() - sent);
      }
    }),
  );
  const rate = (count * 1000) / (performance.now() - began);
  for (const connection of connections) connection.close();
  server.child.kill();
  return { rate, latencies: latencies.toSorted((a, b) => a - b) };
}
