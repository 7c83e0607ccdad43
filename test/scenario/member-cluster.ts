import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { freePorts } from "#test/free-ports.ts";
import { removeFolder } from "#test/remove-folder.ts";
import { until } from "./agent.ts";

const main = new URL("../../cli/main.ts", import.meta.url).pathname;
const FLAGS = ["--disable-warning=ExperimentalWarning", main];

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One node of a cluster that nodes join by token. */
export interface TestNode {
  readonly name: string;
  readonly dir: string;
  readonly config: string;
  readonly nomad: string;
  readonly consul: string;
  readonly internal: string;
  log(): string;
  /** Resolves when its API answers. */
  start(): Promise<void>;
  end(signal: NodeJS.Signals): Promise<void>;
}

export interface MemberCluster {
  readonly dir: string;
  /** The line that `init` printed, as words. */
  readonly line: readonly string[];
  readonly server: TestNode;
  nodes(): readonly TestNode[];
  /** Prepares a node that is no member yet. */
  node(name: string, role?: "client" | "server"): Promise<TestNode>;
  /** Runs a command as the cluster's manager, asking `at` (default: the server). */
  lares(words: readonly string[], at?: TestNode): Promise<Ran>;
  get(path: string, at?: TestNode): Promise<unknown>;
  remove(): Promise<void>;
}

const InitSchema = v.object({ join: v.string(), tokenFile: v.string() });

/** A cluster made by `lares init`, whose first server runs. */
export async function memberCluster(): Promise<MemberCluster> {
  const dir = mkdtempSync(join(tmpdir(), "lares-members-"));
  const nodes: TestNode[] = [];
  let token = "";
  const node: MemberCluster["node"] = async (name, role = "client") => {
    const made = await prepare(dir, name, role);
    nodes.push(made);
    return made;
  };
  const server = await node("first", "server");
  const lares: MemberCluster["lares"] = (words, at = server) =>
    run(words, {
      NOMAD_ADDR: at.nomad,
      CONSUL_HTTP_ADDR: at.consul,
      NOMAD_TOKEN: token,
      CONSUL_HTTP_TOKEN: token,
    });
  const made = await lares(["init", "-config", server.config, "-json"]);
  if (made.code !== 0) throw new Error(`init: ${made.stderr}`);
  const { join: line, tokenFile } = v.parse(InitSchema, JSON.parse(made.stdout));
  token = readFileSync(tokenFile, "utf8").trim();
  await server.start();
  return {
    dir,
    line: line.split(" ").slice(1),
    server,
    nodes: () => nodes,
    node,
    lares,
    async get(path, at = server) {
      const headers = { "x-nomad-token": token, "x-consul-token": token };
      const base = path.startsWith("/consul") ? at.consul : at.nomad;
      const answer = await fetch(`${base}${path.replace(/^\/consul/, "")}`, { headers });
      return answer.status === 200 ? answer.json() : { status: answer.status, text: await answer.text() };
    },
    async remove() {
      for (const each of nodes) await each.end("SIGKILL");
      endTasks(dir);
      removeFolder(dir);
    },
  };
}

/** Tasks outlive their agents: those in this folder end here. */
export function endTasks(dir: string): void {
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const environment = readFileSync(`/proc/${name}/environ`, "utf8");
      if (environment.includes(`NOMAD_ALLOC_DIR=${dir}/`)) process.kill(Number(name), "SIGKILL");
    } catch {
      // It is over, or another user's.
    }
  }
}

function run(words: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...FLAGS, ...words], { env: { ...process.env, ...env } });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.on("close", (code) => resolve({ code: code ?? 128, stdout, stderr }));
  });
}

async function prepare(root: string, name: string, role: "client" | "server"): Promise<TestNode> {
  const dir = join(root, name);
  mkdirSync(dir);
  const [http = 0, rpc = 0, consul = 0, dns = 0, gossip = 0] = await freePorts(5);
  const config = join(dir, "agent.hcl");
  writeFileSync(
    config,
    `data_dir  = "${dir}/data"
bind_addr = "127.0.0.1"
name      = "${name}"
log_level = "debug"
ports {
  http   = ${http}
  rpc    = ${rpc}
  consul = ${consul}
  dns    = ${dns}
  gossip = ${gossip}
}
server { enabled = ${role === "server"} }
client {
  enabled           = true
  network_interface = "lo"
}
plugin "raw_exec" {
  config { enabled = true }
}
acl { enabled = true }
`,
  );
  let child: ChildProcess | undefined;
  let log = "";
  const nomad = `http://127.0.0.1:${http}`;
  return {
    name,
    dir,
    config,
    nomad,
    consul: `http://127.0.0.1:${consul}`,
    internal: `127.0.0.1:${rpc}`,
    log: () => log,
    async start() {
      const started = spawn(process.execPath, [...FLAGS, "agent", "-config", config], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      child = started;
      for (const stream of [started.stdout, started.stderr])
        stream.on("data", (data: Buffer) => (log += data.toString()));
      await until(`${name} serves`, async () => {
        if (started.exitCode !== null) throw new Error(`${name} ended with ${started.exitCode}:\n${log}`);
        const answer = await fetch(`${nomad}/v1/agent/health`).catch(() => undefined);
        return answer?.status === 200;
      });
    },
    async end(signal) {
      const ending = child;
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
      ending.kill(signal);
      await new Promise((resolve) => ending.once("close", resolve));
    },
  };
}
