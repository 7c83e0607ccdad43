import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import { freePorts } from "#test/free-ports.ts";
import { removeFolder } from "#test/remove-folder.ts";

const main = new URL("../../cli/main.ts", import.meta.url).pathname;

const SelfSchema = v.object({ config: v.optional(v.object({ Client: v.object({ Enabled: v.boolean() }) })) });
const NodesSchema = v.array(v.object({ Status: v.string() }));

export interface TestAgent {
  readonly dir: string;
  readonly nomad: string;
  readonly consul: string;
  readonly dnsPort: number;
  /** What it wrote to its log so far. */
  log(): string;
  start(): Promise<void>;
  /** SIGTERM, and resolves with its exit code. */
  stop(): Promise<number>;
  /** SIGKILL: as a crash. */
  kill(): Promise<void>;
  pid(): number;
  /** Runs a command against it. */
  lares(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  get(path: string): Promise<unknown>;
  /** Ends it and takes its folder away. */
  remove(): Promise<void>;
}

export interface AgentOptions {
  /** More configuration, as HCL. */
  readonly config?: string;
  /** What to run instead of the sources: an executable. */
  readonly command?: readonly string[];
  /** Flags of `agent` beside its configuration, e.g. `-dev`. */
  readonly flags?: readonly string[];
  /** `bind_addr`; null leaves the line out. Default 127.0.0.1. */
  readonly bind?: string | null;
  /** Default free ones. */
  readonly ports?: { readonly http: number; readonly consul: number; readonly dns: number };
  /** Docker's endpoint. Default: DOCKER_HOST's, or the usual socket. */
  readonly docker?: string;
  /** More of Docker's plugin configuration, as HCL. */
  readonly dockerConfig?: string;
  /** Called with the agent's folder before it starts. */
  readonly prepare?: (dir: string) => void;
  /** Default `debug`. */
  readonly logLevel?: string;
  /** Its APIs speak TLS. Whoever asks it has to believe its authority. Default false. */
  readonly https?: boolean;
  /** More of the environment, of the agent and of commands. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take until it serves. Default 60 000. */
  readonly startMs?: number;
}

/** An agent in a process of its own, from the sources, on free loopback ports. */
export async function testAgent(options: AgentOptions = {}): Promise<TestAgent> {
  const dir = mkdtempSync(join(tmpdir(), "lares-agent-"));
  const [freeHttp = 0, freeConsul = 0, freeDns = 0, rpc = 0, gossip = 0, etcd = 0, peer = 0] = await freePorts(7);
  const { http: httpPort, consul, dns } = options.ports ?? { http: freeHttp, consul: freeConsul, dns: freeDns };
  const endpoint = options.docker ?? process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
  writeFileSync(
    join(dir, "agent.hcl"),
    `data_dir  = "${dir}/data"
${options.bind === null ? "" : `bind_addr = "${options.bind ?? "127.0.0.1"}"`}
log_level = "${options.logLevel ?? "debug"}"
ports {
  http   = ${httpPort}
  rpc    = ${rpc}
  gossip = ${gossip}
  consul = ${consul}
  dns    = ${dns}
  etcd   = ${etcd}
  etcd_peer = ${peer}
}
server { enabled = true }
client {
  enabled           = true
  network_interface = "lo"
}
plugin "raw_exec" {
  config { enabled = true }
}
plugin "docker" {
  config {
    endpoint = "${endpoint}"
    ${options.dockerConfig ?? ""}
  }
}
${options.config ?? ""}
`,
  );
  const [program = process.execPath, ...args] = options.command ?? [
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    main,
  ];
  let child: ChildProcess | undefined;
  let log = "";
  const scheme = options.https === true ? "https" : "http";
  const nomad = `${scheme}://127.0.0.1:${httpPort}`;
  const consulUrl = `${scheme}://127.0.0.1:${consul}`;
  const environment = { ...process.env, ...options.env };
  const ended = async (process: ChildProcess): Promise<number> => {
    if (process.exitCode === null && process.signalCode === null)
      await new Promise((resolve) => process.once("close", resolve));
    return process.exitCode ?? 128;
  };
  const start = async (): Promise<void> => {
    const words = ["agent", ...(options.flags ?? []), "-config", `${dir}/agent.hcl`];
    const started = spawn(program, [...args, ...words], { stdio: ["ignore", "pipe", "pipe"], env: environment });
    child = started;
    for (const stream of [started.stdout, started.stderr])
      stream.on("data", (data: Buffer) => (log += data.toString()));
    await until(
      "the agent serves",
      async () => {
        if (started.exitCode !== null) throw new Error(`the agent ended with ${started.exitCode}:\n${log}`);
        return (await statusOf(`${nomad}/v1/agent/health`)) === 200;
      },
      options.startMs,
    );
  };
  const end = async (signal: NodeJS.Signals): Promise<number> => {
    if (child === undefined) return 0;
    child.kill(signal);
    return ended(child);
  };
  const agent: TestAgent = {
    dir,
    nomad,
    consul: consulUrl,
    dnsPort: dns,
    log: () => log,
    start,
    stop: () => end("SIGTERM"),
    kill: async () => void (await end("SIGKILL")),
    pid: () => child?.pid ?? 0,
    lares: (...words) =>
      new Promise((resolve) => {
        const run = spawn(program, [...args, ...words], {
          env: { ...environment, NOMAD_ADDR: nomad, CONSUL_HTTP_ADDR: consulUrl },
        });
        let stdout = "";
        let stderr = "";
        run.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
        run.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
        run.on("close", (code) => resolve({ code: code ?? 128, stdout, stderr }));
      }),
    get: async (path) => {
      const base = path.startsWith("/consul") ? consulUrl : nomad;
      const response = await fetch(`${base}${path.replace(/^\/consul/, "")}`);
      return response.status === 200 ? response.json() : { status: response.status, text: await response.text() };
    },
    remove: async () => {
      await end("SIGKILL");
      removeFolder(dir);
    },
  };
  options.prepare?.(dir);
  await start();
  // A member of a cluster may have none that leads yet.
  if (options.prepare === undefined) await until("its node is ready", () => hasReadyNode(agent));
  return agent;
}

/** What is placed before there is a node waits for it, as in Nomad: most tests mean the node, too. */
async function hasReadyNode(agent: TestAgent): Promise<boolean> {
  const known = v.parse(SelfSchema, await agent.get("/v1/agent/self"));
  // Whoever needs a token to ask waits in its own way.
  if (known.config?.Client.Enabled !== true) return true;
  const nodes = v.parse(NodesSchema, await agent.get("/v1/nodes"));
  return nodes.length > 0 && nodes.every(({ Status }) => Status === "ready");
}

/** Whoever it is that answers; undefined: nobody does. */
function statusOf(url: string): Promise<number | undefined> {
  const get = url.startsWith("https:") ? https.get : http.get;
  return new Promise((resolve) => {
    get(url, { rejectUnauthorized: false, agent: false }, (answer) => {
      answer.resume();
      answer.on("close", () => resolve(answer.statusCode));
    }).on("error", () => resolve(undefined));
  });
}

export async function until(what: string, holds: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await wait(50);
  }
}

export function docker(...args: string[]): string {
  const run = spawnSync("docker", args, { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`docker ${args.join(" ")}: ${run.stderr}`);
  return run.stdout.trim();
}

/** What `dig` prints for a question, one line each. */
export function dig(port: number, name: string, type: string): string[] {
  const run = spawnSync("dig", ["@127.0.0.1", "-p", String(port), "+short", "+time=5", "+tries=3", name, type], {
    encoding: "utf8",
  });
  return run.stdout.split("\n").filter((line) => line !== "");
}
