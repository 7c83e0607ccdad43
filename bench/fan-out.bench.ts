import { Connection } from "./api/client.ts";
import { jobBody, startServer, tell, type ApiServer } from "./api/start-server.ts";
import { measureOf, type Bench, type BenchContext } from "./harness.ts";

const WAITING = 1000;

export const bench: Bench = {
  name: "fan-out",
  title: "Waiting for changes: a thousand blocking queries, and what a cluster takes in memory",
  async run(context) {
    const server = await startServer(context, 20);
    const writer = await Connection.open(server.port);
    const jobs = context.quick ? 5 : 50;
    for (let i = 0; i < jobs; i++) await writer.ask("PUT", "/v1/jobs", jobBody(`job-${i}`, 1));
    const readers = await Promise.all(Array.from({ length: WAITING }, () => Connection.open(server.port)));
    context.defer(() => {
      for (const reader of readers) reader.close();
    });
    const one: number[] = [];
    const list: number[] = [];
    for (let round = 0; round < context.rounds; round++) {
      one.push(await fanOut({ writer, readers, path: "/v1/job/job-0", priority: 40 + round }));
      list.push(await fanOut({ writer, readers, path: "/v1/jobs", priority: 60 + round }));
    }
    const took = { unit: "ms", better: "less", target: { text: "at most 150 ms", atMost: 150 } } as const;
    return {
      measures: [
        measureOf({ name: `${WAITING} clients wait for one job`, ...took }, ...one),
        measureOf({ name: `${WAITING} clients wait for a list of ${jobs} jobs`, ...took }, ...list),
        ...(await memory(context)),
      ],
      notes: [
        "From sending the change to the last of a thousand answers over kept connections, each with the whole new value.",
        "Memory: what a server's process holds more than an empty one after garbage collection, store and view together.",
      ],
    };
  },
};

interface FanOut {
  readonly writer: Connection;
  readonly readers: readonly Connection[];
  readonly path: string;
  readonly priority: number;
}

async function fanOut({ writer, readers, path, priority }: FanOut): Promise<number> {
  const { index } = await settled(writer, path);
  const waiting = readers.map((reader) => reader.ask("GET", `${path}?index=${index}&wait=60s`));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const began = performance.now();
  const body = jobBody("job-0", 1).replace('"Type"', `"Priority":${priority},"Type"`);
  const answers = Promise.all(waiting);
  await writer.ask("PUT", "/v1/jobs", body);
  await answers;
  return performance.now() - began;
}

/** Once what it answers stops changing: scheduling goes on for a moment. */
async function settled(connection: Connection, path: string) {
  for (;;) {
    const before = await connection.ask("GET", path);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const after = await connection.ask("GET", path);
    if (before.index === after.index) return after;
  }
}

async function memory(context: BenchContext) {
  const [jobs, count] = context.quick ? [50, 10] : [500, 10];
  const server = await startServer(context, 20);
  const empty = await bytesOf(server);
  const connection = await Connection.open(server.port);
  for (let i = 0; i < jobs; i++) await connection.ask("PUT", "/v1/jobs", jobBody(`job-${i}`, count));
  await settled(connection, "/v1/allocations?per_page=1");
  await tell(server, "report");
  await settled(connection, "/v1/allocations?per_page=1");
  connection.close();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const megabytes = ((await bytesOf(server)) - empty) / 1024 / 1024;
  const target = { text: "at most 40 MB", atMost: 40 };
  return [
    measureOf({ name: `${jobs} jobs of ${count} running allocations`, unit: "MB", better: "less", target }, megabytes),
  ];
}

async function bytesOf(server: ApiServer): Promise<number> {
  return (await tell<{ bytes: number }>(server, "memory")).bytes;
}
