import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import { textOf } from "#base/env/bytes.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { selfCommand } from "#base/platform/embedded/self.ts";
import { engineOf, startEngine } from "./engine.ts";
import { isRunning, type Lab, type LabNode } from "./lab-file.ts";
import { launchWithin } from "./within.ts";

const PORTS = { nomad: 4646, consul: 8500, dns: 8600, gossip: 8301 } as const;
/** Longer than an agent takes to start on a busy machine. */
const START_MS = 60_000;
const PAUSE_MS = 50;
/** The state moves, and one server after the other takes its part. */
const SHARED_MS = 120_000;

/** A node as the lab shows it. */
export interface ShownNode {
  readonly name: string;
  /** Of its node; empty before it was made. */
  readonly id: string;
  readonly role: LabNode["role"];
  readonly state: "running" | "paused" | "down";
  readonly http: { readonly nomad: string; readonly consul: string };
  readonly dns: string;
  readonly gossip: string;
  /** Of its own Docker engine, in the form of DOCKER_HOST; empty: it has none. */
  readonly docker: string;
  readonly pid: number;
  readonly dataDir: string;
}

const IdentitySchema = v.object({ nodeId: v.string() });

export async function shown(env: SystemEnv, { nodes, docker }: Lab): Promise<ShownNode[]> {
  return Promise.all(
    nodes.map(async (node) => {
      const identity = await env.disk.read(join(node.dir, "data/client/identity.json"));
      const running = isRunning(node);
      return {
        name: node.name,
        id: identity === undefined ? "" : v.parse(IdentitySchema, JSON.parse(textOf(identity))).nodeId,
        role: node.role,
        state: running ? ((await isPaused(env, node.pid)) ? "paused" : "running") : "down",
        http: { nomad: nomadOf(node), consul: `http://${node.address}:${PORTS.consul}` },
        dns: `${node.address}:${PORTS.dns}`,
        gossip: `${node.address}:${PORTS.gossip}`,
        docker: docker === "own" && node.role === "client" ? engineOf(node) : "",
        pid: running ? node.pid : 0,
        dataDir: join(node.dir, "data"),
      };
    }),
  );
}

export function writeConfig(node: LabNode, docker: string): void {
  mkdirSync(node.dir, { recursive: true });
  // A server has none of its own, and must not take this machine's, whose containers are in another network.
  const endpoint = docker === "own" ? engineOf(node) : docker;
  const engine = endpoint === "" ? "" : `plugin "docker" {\n  config { endpoint = ${JSON.stringify(endpoint)} }\n}\n`;
  writeFileSync(
    configOf(node),
    `data_dir  = ${JSON.stringify(join(node.dir, "data"))}
bind_addr = "${node.address}"
name      = "${node.name}"
server {
  enabled           = ${node.role === "server"}
  min_heartbeat_ttl = "3s"
  heartbeat_grace   = "2s"
}
client {
  enabled           = true
  network_interface = "${node.namespace === "" ? "lo" : "eth0"}"
${bridgeOf(node)}}
plugin "raw_exec" {
  config { enabled = true }
}
${engine}`,
  );
}

/** Each node's bridge has a subnet of its own, which the others reach; its number is the node's in the lab. */
function bridgeOf({ namespace, address }: LabNode): string {
  if (namespace === "") return "";
  const number = Number(address.split(".")[3] ?? 0);
  const name = namespace.replace("-", "b");
  return `  bridge_network_name        = "${name}"
  bridge_network_subnet      = "172.27.${number}.0/24"
  bridge_network_subnet_ipv6 = "fd1a:b:${number.toString(16)}::/64"
  bridge_network_routed      = true
`;
}

export function configOf({ dir }: Pick<LabNode, "dir">): string {
  return join(dir, "agent.hcl");
}

/** By how many milliseconds its agent's clock is off. */
export function clockFile({ dir }: Pick<LabNode, "dir">): string {
  return join(dir, "clock");
}

/** Starts a node's agent, which outlives this program; before it, where it has one, its Docker engine. */
export async function launch(env: SystemEnv, node: LabNode, { docker }: Pick<Lab, "docker">): Promise<LabNode> {
  const hasEngine = docker === "own" && node.role === "client";
  const engine = hasEngine ? await startEngine(env, node) : undefined;
  writeFileSync(clockFile(node), existsSync(clockFile(node)) ? readFileSync(clockFile(node)) : "0\n");
  const launched = launchWithin(node, {
    argv: [...selfCommand(), "agent", "-config", configOf(node)],
    log: "agent.log",
    env: { ...process.env, LARES_CLOCK_FILE: clockFile(node) },
    beside: engine?.pid,
  });
  return { ...node, ...launched };
}

/** Resolves when its API answers. Rejects when it ends first, or takes too long. */
export async function whenUp(env: SystemEnv, node: LabNode): Promise<void> {
  const deadline = env.clock.monotonicMs() + START_MS;
  for (;;) {
    const url = `${nomadOf(node)}/v1/agent/health`;
    const answer = await env.http.request({ url, timeoutMs: 2000 }).catch(() => undefined);
    answer?.abandon();
    if (answer?.status === 200) return;
    const late = env.clock.monotonicMs() > deadline;
    if (late || !isRunning(node))
      throw new CodedError(
        "lab",
        `${node.name} ${late ? "does not answer" : "ended"}`,
        `look at ${join(node.dir, "agent.log")}`,
      );
    await sleep(env.clock, PAUSE_MS);
  }
}

export function nomadOf({ address }: Pick<LabNode, "address">): string {
  return `http://${address}:${PORTS.nomad}`;
}

const StateSchema = v.object({
  Engine: v.string(),
  Members: v.array(v.object({ Voter: v.boolean(), Healthy: v.boolean() })),
});

/** Resolves when all servers hold the state together. */
export async function whenShared(env: SystemEnv, { nodes }: Lab): Promise<void> {
  const servers = nodes.filter(({ role }) => role === "server");
  const deadline = env.clock.monotonicMs() + SHARED_MS;
  for (;;) {
    const each = await Promise.all(servers.map((server) => voters(env, server)));
    if (each.every((count) => count === servers.length)) return;
    if (env.clock.monotonicMs() > deadline)
      throw new CodedError(
        "lab",
        `${Math.max(...each)} of ${servers.length} servers hold the state`,
        "look at their agent.log",
      );
    await sleep(env.clock, PAUSE_MS);
  }
}

/** Members that vote and are well, by what this server says. */
async function voters(env: SystemEnv, server: LabNode): Promise<number> {
  const url = `${nomadOf(server)}/v1/operator/state`;
  try {
    const answer = await env.http.request({ url, timeoutMs: 2000 });
    const { Members } = v.parse(StateSchema, JSON.parse(await answer.text()));
    return Members.filter(({ Voter, Healthy }) => Voter && Healthy).length;
  } catch {
    // It is no server yet, or starts anew.
    return 0;
  }
}

const NodesSchema = v.array(v.object({ Name: v.string(), Status: v.string() }));

/** Resolves when the cluster counts all nodes as ready. */
export async function whenReady(env: SystemEnv, { nodes }: Lab): Promise<void> {
  const [first] = nodes;
  const deadline = env.clock.monotonicMs() + START_MS;
  for (;;) {
    const url = `${nomadOf(first ?? { address: "" })}/v1/nodes`;
    const answer = await env.http.request({ url, timeoutMs: 2000 }).catch(() => undefined);
    const text = answer?.status === 200 ? await answer.text() : "[]";
    const ready = v.parse(NodesSchema, JSON.parse(text)).filter(({ Status }) => Status === "ready");
    if (nodes.every(({ name }) => ready.some(({ Name }) => Name === name))) return;
    if (env.clock.monotonicMs() > deadline)
      throw new CodedError("lab", `${ready.length} of ${nodes.length} nodes are ready`, "look at their agent.log");
    await sleep(env.clock, PAUSE_MS);
  }
}

async function isPaused({ disk }: SystemEnv, pid: number): Promise<boolean> {
  const bytes = await disk.read(`/proc/${pid}/status`).catch(() => undefined);
  return bytes !== undefined && /^State:\s+T/m.test(textOf(bytes));
}
