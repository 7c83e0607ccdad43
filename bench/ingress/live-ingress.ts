import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { at, live, site, until, type Live } from "#test/ingress/live.ts";
import { startRole } from "#test/ingress/role-process.ts";
import { testAgent } from "#test/scenario/agent.ts";
import { builtExecutable } from "../built-executable.ts";
import type { BenchContext, Contestant } from "../harness.ts";
import { throughput } from "./throughput.ts";

const CONNECTIONS = 50;
const ENDPOINT_CHANGES = 100;
const RELOADS = 10;
const POLL_MS = 2;
const SLOW = ["lares.host=web.test", "lares.path=/slow"];
const IDLE_MS = 20_000;
/** What was needed for the start alone is given back by then. */
const SETTLE_MS = 60_000;
const CLOCK_TICKS = 100;

/** What clients see of a real HAProxy that the ingress drives. */
export async function liveContestants(context: BenchContext): Promise<readonly Contestant[]> {
  const running = await live();
  context.defer(() => running.remove());
  const sites = await Promise.all(Array.from({ length: 4 }, (_, number) => site(`site ${number}`)));
  context.defer(() => sites.forEach(({ server }) => server.close()));
  const ports = sites.map(({ port }) => port);
  const [first = 0, second = 0] = ports;
  running.catalog.set([at("web", first, ["lares.host=web.test"])]);
  await until("it serves", async () => (await get(running.port, "/")) === 200);
  let made = 0;
  return [
    {
      name: `failed requests: ${ENDPOINT_CHANGES} endpoint changes, ${RELOADS} reloads, ${CONNECTIONS} connections`,
      unit: "requests",
      better: "less",
      target: { text: "0", atMost: 0 },
      turn: () => failedUnderChanges(running, ports),
    },
    {
      name: "healthy → first request, by command",
      unit: "ms",
      better: "less",
      target: { text: "≤ 150 ms", atMost: 150 },
      turn: async () => {
        const host = ["lares.host=web.test"];
        running.catalog.set([at("web", first, host), { ...at("slow", second, SLOW), passing: false }]);
        await until("the page of a service that is not well", async () => (await get(running.port, "/slow")) === 503);
        const startMs = performance.now();
        running.catalog.set([at("web", first, host), at("slow", second, SLOW)]);
        while ((await get(running.port, "/slow")) !== 200) await pause(POLL_MS);
        return performance.now() - startMs;
      },
    },
    {
      name: "healthy → first request, by reload",
      unit: "ms",
      better: "less",
      target: { text: "≤ 400 ms", atMost: 400 },
      turn: async () => {
        made += 1;
        // A reload is to be had at once.
        await pause(2200);
        const startMs = performance.now();
        const tags = [`lares.host=new${made}.test`, `lares.set-header=X-Turn: ${made}`];
        running.catalog.set([at("web", first, ["lares.host=web.test"]), at(`new${made}`, second, tags)]);
        while ((await get(running.port, "/", { host: `new${made}.test` })) !== 200) await pause(POLL_MS);
        return performance.now() - startMs;
      },
    },
    ...(await throughput(context, running)),
    ...(await idle(context)),
  ];
}

async function failedUnderChanges(running: Live, ports: readonly number[]): Promise<number> {
  const kept = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let [stop, failed] = [false, 0];
  const loops = Array.from({ length: CONNECTIONS }, async (_, number) => {
    while (!stop) if ((await get(running.port, "/", number % 2 === 0 ? { agent: kept } : {})) !== 200) failed += 1;
  });
  const rest = ENDPOINT_CHANGES / RELOADS;
  for (let round = 0; round < RELOADS; round++) {
    const before = running.ingress.status().haproxy.reloads;
    for (let change = 0; change < rest; change++) {
      const port = ports[(round + change) % ports.length] ?? 0;
      running.catalog.set([at("web", port, ["lares.host=web.test"])]);
      await pause(60);
    }
    const extra = at(`extra${round}`, ports[0] ?? 0, [
      `lares.path=/extra`,
      `lares.set-header=X-A: ${performance.now()}`,
    ]);
    running.catalog.set([at("web", ports[round % ports.length] ?? 0, ["lares.host=web.test"]), extra]);
    await until("a reload", () => Promise.resolve(running.ingress.status().haproxy.reloads > before));
  }
  stop = true;
  await Promise.all(loops);
  kept.destroy();
  return failed;
}

async function idle(context: BenchContext): Promise<readonly Contestant[]> {
  const agent = await testAgent();
  context.defer(() => agent.remove());
  const role = await startRole(agent, { node: "idle", executable: await builtExecutable(context) });
  context.defer(() => role.stop());
  await until("it serves", async () => (await get(role.http, "/")) === 404);
  await pause(SETTLE_MS);
  const pid = role.child.pid ?? 0;
  return [
    {
      name: "controller, idle: anonymous memory",
      unit: "MB",
      better: "less",
      target: { text: "≤ 25 MB", atMost: 25 },
      turn: () => Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024,
    },
    {
      name: "controller, idle: of a core",
      unit: "%",
      better: "less",
      target: { text: "≤ 0.2 %", atMost: 0.2 },
      turn: async () => {
        const before = ticks(pid);
        await pause(IDLE_MS);
        return (((ticks(pid) - before) / CLOCK_TICKS) * 100 * 1000) / IDLE_MS;
      },
    },
  ];
}

/** Time on a core so far (proc(5): utime and stime). */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

interface Asked {
  readonly agent?: Agent;
  readonly host?: string;
}

function get(port: number, path: string, { agent, host = "web.test" }: Asked = {}): Promise<number> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path, headers: { host }, agent: agent ?? false }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
      response.on("error", () => resolve(0));
    });
    asked.on("error", () => resolve(0));
    asked.end();
  });
}
