import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { freePorts } from "#test/free-ports.ts";
import { STATUS_PREFIX } from "#ingress/control/status.ts";
import type { TestAgent } from "../scenario/agent.ts";

const main = new URL("../../cli/main.ts", import.meta.url).pathname;

export interface RoleProcess {
  readonly http: number;
  readonly https: number;
  readonly admin: number;
  /** Its task's `local` folder: HAProxy's files. */
  readonly dir: string;
  readonly child: ChildProcess;
  said(): string;
  status(): Promise<Status>;
  stop(): Promise<void>;
}

export interface RoleOptions {
  readonly node: string;
  /** What to run instead of the sources: an executable. */
  readonly executable?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Files of the task, by name below its `local` folder. */
  readonly files?: Readonly<Record<string, string>>;
}

const StatusSchema = v.object({
  failure: v.optional(v.string(), ""),
  haproxy: v.optional(v.object({ reloads: v.number(), commands: v.number() }), { reloads: 0, commands: 0 }),
  problems: v.optional(v.array(v.object({ message: v.string() })), []),
});
export type Status = v.InferOutput<typeof StatusSchema>;

/** The role `ingress` in a process of its own, as its task would run it, beside a real agent. */
export async function startRole(
  agent: TestAgent,
  { node, executable, env = {}, files = {} }: RoleOptions,
): Promise<RoleProcess> {
  const root = mkdtempSync(join(tmpdir(), "lares-role-"));
  const dir = join(root, "local");
  mkdirSync(dir);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const [http = 0, https = 0, admin = 0] = await freePorts(3);
  const program = executable ?? process.execPath;
  const sources = executable === undefined ? ["--disable-warning=ExperimentalWarning", main] : [];
  const child = spawn(program, [...sources, "role", "ingress"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      NOMAD_TASK_DIR: dir,
      NOMAD_NODE_NAME: node,
      NOMAD_ADDR_http: `127.0.0.1:${http}`,
      NOMAD_ADDR_https: `127.0.0.1:${https}`,
      NOMAD_ADDR_admin: `127.0.0.1:${admin}`,
      CONSUL_HTTP_ADDR: agent.consul,
      ...env,
    },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data.toString()));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    http,
    https,
    admin,
    dir,
    child,
    said: () => said,
    status: () => statusOf(agent, node, env["NOMAD_JOB_NAME"]),
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
      if (existsSync(root)) rmSync(root, { recursive: true });
    },
  };
}

/** What the role on a node says of itself; with nothing in it until it said something. */
export async function statusOf(agent: Pick<TestAgent, "consul">, node: string, name = "ingress"): Promise<Status> {
  const answer = await fetch(`${agent.consul}/v1/kv/${STATUS_PREFIX}${node}/${name}?raw`);
  return v.parse(v.pipe(v.string(), v.parseJson(), StatusSchema), answer.ok ? await answer.text() : "{}");
}

/** An instance in the agent's catalog, on this machine. */
export async function register(
  agent: TestAgent,
  { name, id = name, node = id, port, tags = [] }: Registration,
): Promise<void> {
  const body = JSON.stringify({
    Node: node,
    Address: "127.0.0.1",
    Service: { ID: id, Service: name, Address: "127.0.0.1", Port: port, Tags: tags },
  });
  const answer = await fetch(`${agent.consul}/v1/catalog/register`, { method: "PUT", body });
  if (!answer.ok) throw new Error(await answer.text());
}

export interface Registration {
  readonly name: string;
  readonly id?: string;
  readonly node?: string;
  readonly port: number;
  readonly tags?: readonly string[];
}

export async function putKey(agent: TestAgent, key: string, value: string): Promise<void> {
  const answer = await fetch(`${agent.consul}/v1/kv/${key}`, { method: "PUT", body: value });
  if (!answer.ok) throw new Error(await answer.text());
}
