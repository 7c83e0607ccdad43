import { execFile, fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { timeMs, type Bench, type BenchContext } from "./harness.ts";

const run = promisify(execFile);
const WAITING = 1000;
const IDLE = 10_000;

/** Every request another key and another value, or one that is there already would cost no write. */
const PUT_SCRIPT = `wrk.method = "PUT"
local n, t = 0, os.time() .. math.random(1e9)
request = function()
  n = n + 1
  return wrk.format(nil, "/v1/kv/bench/" .. t .. "/" .. (n % 1000), nil, string.rep("v", 90) .. n)
end`;

/** What is wanted: keys over HTTP, load generator on the same machine; many who wait for one change. */
export const bench: Bench = {
  name: "kv",
  title: "Keys over HTTP, and those who wait for them",
  async run(context) {
    const folder = await context.tempDir();
    const script = `${folder}/put.lua`;
    await writeFile(script, PUT_SCRIPT);
    const lares = await start("lares", folder, context);
    const at = `http://127.0.0.1:${lares.port}/v1/kv`;
    const seconds = context.quick ? 1 : 4;
    await ask(lares.port, { method: "PUT", path: "/v1/kv/one", body: "hello" });
    const rate = async (...words: string[]): Promise<number> => {
      const { stdout } = await run("wrk", ["-t1", "-c64", `-d${seconds}`, ...words]);
      return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
    };
    const more = { unit: "req/s", better: "more" } as const;
    const kb = { unit: "KB", better: "less" } as const;
    const measures = await context.takeTurns([
      {
        name: "PUT, durable",
        ...more,
        target: { text: "≥ 15,000/s", atLeast: 15_000 },
        turn: () => rate("-s", script, at),
      },
      { name: "GET", ...more, target: { text: "≥ 25,000/s", atLeast: 25_000 }, turn: () => rate(`${at}/one`) },
      {
        name: "GET ?stale",
        ...more,
        target: { text: "≥ 40,000/s", atLeast: 40_000 },
        turn: () => rate(`${at}/one?stale`),
      },
      {
        name: "one change → 1000 blocking queries answered",
        unit: "ms",
        better: "less",
        target: { text: "≤ 100 ms", atMost: 100 },
        turn: () => wakeAll(lares.port),
      },
      {
        name: "check of a service changes → blocking query answered",
        unit: "ms",
        better: "less",
        target: { text: "≤ 20 ms", atMost: 20 },
        turn: await changeTurn(lares.port),
      },
      { name: "memory of an open request: bare node:http", ...kb, peer: true, turn: () => idleKb("bare", context) },
      {
        name: "memory of an idle blocking query",
        ...kb,
        against: "memory of an open request: bare node:http",
        target: { text: "≤ 1.1 × a bare server's", ratioAtMost: 1.1 },
        turn: () => idleKb("lares", context),
      },
    ]);
    return {
      measures,
      notes: ["wrk with 64 connections on one thread, values of 100 bytes", `${IDLE} open requests`],
    };
  },
};

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

async function start(kind: string, folder: string, context: BenchContext): Promise<Server> {
  const child = fork(new URL("kv/server.ts", import.meta.url), [kind, folder], {
    execArgv: ["--disable-warning=ExperimentalWarning", "--expose-gc"],
  });
  context.defer(() => void child.kill());
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return { child, port };
}

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly body?: string;
  readonly agent?: Agent;
}

/** Resolves with the index header when the whole answer was read. */
function ask(port: number, { method = "GET", path, body = "", agent }: Asked): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method, path, ...(agent === undefined ? {} : { agent }) });
    sent.on("response", (response) => {
      response.resume().on("end", () => resolve(String(response.headers["x-consul-index"] ?? "")));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function wakeAll(port: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: WAITING });
  const index = await ask(port, { path: "/v1/kv/watched/?recurse" });
  const path = `/v1/kv/watched/?recurse&index=${index}&wait=60s`;
  const waiting = Promise.all(Array.from({ length: WAITING }, () => ask(port, { path, agent })));
  await sleep(1500);
  const took = await timeMs(async () => {
    await ask(port, { method: "PUT", path: "/v1/kv/watched/key", body: String(performance.now()) });
    await waiting;
  });
  agent.destroy();
  return took;
}

/** One who waits for a service on the same server, and its check that fails and passes in turns. */
async function changeTurn(port: number): Promise<() => Promise<number>> {
  const body = JSON.stringify({ Name: "turning", Check: { TTL: "1h", Status: "passing" } });
  await ask(port, { method: "PUT", path: "/v1/agent/service/register", body });
  let passes = true;
  return async () => {
    const path = "/v1/health/service/turning";
    const index = await ask(port, { path });
    const waiting = ask(port, { path: `${path}?index=${index}&wait=60s` });
    await sleep(200);
    passes = !passes;
    const verb = passes ? "pass" : "fail";
    return timeMs(async () => {
      await ask(port, { method: "PUT", path: `/v1/agent/check/${verb}/service:turning` });
      await waiting;
    });
  };
}

/** Anonymous memory the server's process holds for each of many requests that are not answered. */
async function idleKb(kind: string, context: BenchContext): Promise<number> {
  const { child, port } = await start(kind, await context.tempDir(), context);
  const used = async (): Promise<number> => {
    child.send("memory");
    const [{ anonymousKb }] = (await once(child, "message")) as [{ anonymousKb: number }];
    return anonymousKb;
  };
  const before = await used();
  const agent = new Agent({ keepAlive: true, maxSockets: IDLE });
  const open = Array.from({ length: IDLE }, () => {
    const sent = request({ host: "127.0.0.1", port, path: "/v1/kv/one?index=999999999&wait=600s", agent });
    sent.on("error", () => undefined);
    sent.end();
    return sent;
  });
  await sleep(4000);
  const after = await used();
  for (const sent of open) sent.destroy();
  agent.destroy();
  child.disconnect();
  return (after - before) / IDLE;
}
