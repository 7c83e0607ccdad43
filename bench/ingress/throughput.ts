import { execFile, spawn } from "node:child_process";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { get as httpGet } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "#test/free-ports.ts";
import { at, until, type Live } from "#test/ingress/live.ts";
import type { BenchContext, Contestant } from "../harness.ts";

const SECONDS = 3;
const CONNECTIONS = 32;
const CLOCK_TICK_MS = 10;
const NAME = "web.test";

const DEFAULTS = `defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
`;

/** What is behind all of them, in a process of its own: it costs each the same. */
const SERVED = (port: number): string => `global
    nbthread 1
${DEFAULTS}frontend served
    bind 127.0.0.1:${port}
    http-request return status 200 content-type text/plain string served
`;

/** What a person would write for one service; `log`: as HAProxy's manual has it. */
const BY_HAND = (port: number, server: number, log: boolean): string => `global
    log stdout format raw local0
${DEFAULTS}${log ? "    log global\n    option httplog\n" : ""}frontend web
    bind 127.0.0.1:${port}
    option forwardfor
    use_backend web if { hdr(host) -i ${NAME} }
backend web
    server one 127.0.0.1:${server}
`;

interface Proxy {
  readonly port: number;
  /** Of the process that serves. */
  readonly pid: () => Promise<number>;
}

/** How many requests go through the generated configuration and through ones written by hand, and what one costs the proxy itself. */
export async function throughput(context: BenchContext, running: Live): Promise<readonly Contestant[]> {
  const [server, plain, logged] = [await freePort(), await freePort(), await freePort()];
  const folder = await context.tempDir();
  const start = async (name: string, text: string, port: number): Promise<Proxy> => {
    const path = join(folder, `${name}.cfg`);
    writeFileSync(path, text);
    const log = openSync(join(folder, `${name}.log`), "a");
    const child = spawn("haproxy", ["-db", "-f", path], { stdio: ["ignore", log, "ignore"] });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    context.defer(async () => {
      child.kill("SIGTERM");
      await ended;
    });
    await until(`${name} serves`, () => serves(port));
    return { port, pid: () => Promise.resolve(child.pid ?? 0) };
  };
  await start("served", SERVED(server), server);
  const proxies = {
    plain: await start("plain", BY_HAND(plain, server, false), plain),
    logged: await start("logged", BY_HAND(logged, server, true), logged),
    generated: {
      port: running.port,
      pid: async () => Number(/\nPid: (\d+)/.exec(await running.socket("show info"))?.[1]),
    },
  };
  const measured = async ({ port, pid }: Proxy): Promise<{ readonly rate: number; readonly costUs: number }> => {
    running.catalog.set([at("web", server, [`lares.host=${NAME}`])]);
    await until("it serves", () => serves(port));
    await pause(300);
    const words = ["-t1", `-c${CONNECTIONS}`, `-d${SECONDS}s`, "-H", `Host: ${NAME}`, `http://127.0.0.1:${port}/`];
    const serving = await pid();
    const before = ticks(serving);
    const { stdout } = await promisify(execFile)("wrk", words);
    const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
    return {
      rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
      costUs: ((ticks(serving) - before) * CLOCK_TICK_MS * 1000) / requests,
    };
  };
  return [...rates(proxies, measured), ...costs(proxies, measured)];
}

type Proxies = Readonly<Record<"plain" | "logged" | "generated", Proxy>>;
type Measured = (proxy: Proxy) => Promise<{ readonly rate: number; readonly costUs: number }>;

function rates({ plain, logged, generated }: Proxies, measured: Measured): readonly Contestant[] {
  const rate = (proxy: Proxy) => async () => (await measured(proxy)).rate;
  const by = "requests through a configuration by hand, with a log";
  const common = { unit: "req/s", better: "more" } as const;
  return [
    { ...common, name: by, peer: true, turn: rate(logged) },
    { ...common, name: "… by hand, without a log", peer: true, against: by, turn: rate(plain) },
    {
      ...common,
      name: "… the generated configuration, with its log",
      against: by,
      target: { text: "≥ 0.95×", ratioAtLeast: 0.95 },
      turn: rate(generated),
    },
  ];
}

/** Other programs on the machine change rates; they change this little. */
function costs({ plain, logged, generated }: Proxies, measured: Measured): readonly Contestant[] {
  const cost = (proxy: Proxy) => async () => (await measured(proxy)).costUs;
  const by = "the proxy's own time for a request, by hand, with a log";
  const common = { unit: "µs", better: "less" } as const;
  return [
    { ...common, name: by, peer: true, turn: cost(logged) },
    { ...common, name: "… by hand, without a log, time for a request", peer: true, against: by, turn: cost(plain) },
    { ...common, name: "… the generated configuration, time for a request", against: by, turn: cost(generated) },
  ];
}

/** Time on a core so far (proc(5): utime and stime), of all threads. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function serves(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = httpGet({ host: "127.0.0.1", port, path: "/", headers: { host: NAME }, agent: false }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode === 200));
    });
    asked.on("error", () => resolve(false));
  });
}
