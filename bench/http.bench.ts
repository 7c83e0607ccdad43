import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { load } from "./http/load.ts";
import type { Bench, BenchContext, Contestant } from "./harness.ts";

const PATH = "/v1/kv/web/config";
const SERVER = new URL("./http/serve.ts", import.meta.url).pathname;

export const bench: Bench = {
  name: "http",
  title: "A read of the state over HTTP: route table beside bare node:http",
  async run(context) {
    const count = context.quick ? 4000 : 20_000;
    const bare = await start("bare", context);
    const ours = await start("route", context);
    const perRequest = (server: Server): Promise<number> => cpuPerRequestUs(server, count);
    const contestants: Contestant[] = [
      { name: "bare node:http", unit: "µs", better: "less", peer: true, turn: () => perRequest(bare) },
      {
        name: "route: typed, at an index, from the view",
        unit: "µs",
        better: "less",
        against: "bare node:http",
        turn: () => perRequest(ours),
        target: { text: "at most 2× bare node:http", ratioAtMost: 2 },
      },
    ];
    return {
      measures: await context.takeTurns(contestants),
      notes: [
        `CPU time of the serving process per GET of one 128-byte value as JSON; ${count} requests a turn over 16 kept connections.`,
        "The route parses the target, finds the row, checks access, reads the view and sets the index headers.",
      ],
    };
  },
};

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

async function start(kind: string, context: BenchContext): Promise<Server> {
  const child = fork(SERVER, [kind], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  context.defer(() => void child.kill());
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  await load(port, { path: PATH, count: 2000 });
  return { child, port };
}

async function cpuPerRequestUs({ child, port }: Server, count: number): Promise<number> {
  const before = await cpuUs(child);
  await load(port, { path: PATH, count });
  return ((await cpuUs(child)) - before) / count;
}

async function cpuUs(child: ChildProcess): Promise<number> {
  child.send("cpu");
  const [{ cpuUs: used }] = (await once(child, "message")) as [{ cpuUs: number }];
  return used;
}
