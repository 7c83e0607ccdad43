import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { UsageError, type Output, type RunCommand } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { canHaveEngines, forgetEngine } from "./engine.ts";
import { endNodes } from "./faults.ts";
import { hasLab, labFolder, readLab, writeLab, type Lab, type LabNode } from "./lab-file.ts";
import { diskSize, makeDisk, unmakeDisk, unmountBelow } from "./node-disk.ts";
import { makeNetwork, MAX_NODES, plug, unmakeNetwork, type LabNetwork } from "./network.ts";
import {
  configOf,
  launch,
  nomadOf,
  shown,
  whenReady,
  whenShared,
  whenUp,
  writeConfig,
  type ShownNode,
} from "./nodes.ts";
import { runLares } from "./run-lares.ts";

/** More make every write wait for more of them, and survive no failure that matters. */
const MAX_SERVERS = 7;

const InitSchema = v.object({ join: v.string() });

/** Builds a cluster, and waits until all its nodes are ready. What failed half-way is taken away again. */
export const up: RunCommand = async (invocation) => {
  const { flags, output, environment } = invocation;
  const servers = count(flags.value("servers") ?? "1", "servers", { least: 1, most: MAX_SERVERS });
  const clients = count(flags.value("clients") ?? "2", "clients", { least: 0, most: MAX_NODES - servers });
  const network = flags.value("network") ?? "auto";
  if (network !== "auto" && network !== "namespaces" && network !== "loopback")
    throw new UsageError(`-network takes namespaces or loopback, not "${network}"`);
  const dir = labFolder(flags);
  if (hasLab(dir)) throw new CodedError("lab", `there is a lab in ${dir} already`, "`lares lab down` takes it away");
  const diskBytes = diskSize(flags.value("disk"));
  const docker = flags.value("docker") ?? "";
  const env = createEnv({ logLevel: "warn" });
  try {
    const lab = await build(env, {
      dir,
      servers,
      clients,
      network,
      docker,
      dockerHost: environment["DOCKER_HOST"] ?? "",
      diskBytes,
      output,
    });
    const nodes = await shown(env, lab);
    return await show(invocation, nodes, () => table(nodes));
  } finally {
    env.close();
  }
};

interface Wanted {
  readonly dir: string;
  readonly servers: number;
  readonly clients: number;
  readonly network: "auto" | LabNetwork["network"];
  /** As the flag has it. */
  readonly docker: string;
  readonly dockerHost: string;
  readonly diskBytes: number;
  readonly output: Output;
}

async function build(env: SystemEnv, { dir, servers, clients, network, output, ...wanted }: Wanted): Promise<Lab> {
  const { diskBytes } = wanted;
  mkdirSync(dir, { recursive: true });
  const net = await makeNetwork(env, network);
  const docker = await chooseEngine(env, net.network, wanted);
  let lab: Lab = { dir, network: net.network, bridge: net.bridge, diskBytes, docker, nodes: [] };
  writeLab(lab);
  try {
    for (let number = 0; number < servers + clients; number += 1) {
      const role = number < servers ? "server" : "client";
      const name = role === "server" ? `server${number + 1}` : `client${number - servers + 1}`;
      const place = await plug(env, net, number);
      const node: LabNode = { name, role, dir: join(dir, name), ...place, pid: 0, began: "" };
      await makeDisk(env.exec, node, diskBytes);
      writeConfig(node, docker);
      lab = { ...lab, nodes: [...lab.nodes, node] };
      writeLab(lab);
    }
    const [first, ...others] = lab.nodes;
    if (first === undefined) throw new CodedError("lab", "a lab has at least one node");
    const made = await runLares(env, ["init", "-config", configOf(first), "-json", "-no-start"]);
    const line = v.parse(InitSchema, JSON.parse(made)).join.split(" ").slice(1);
    lab = await launchAll(env, lab, [first]);
    for (const node of others)
      await runLares(env, [...line, "-config", configOf(node), "-no-start", ...roleFlag(node)]);
    lab = await launchAll(env, lab, others);
    if (servers > 1) await shareState(env, lab, { first, servers });
    await whenReady(env, lab);
    return lab;
  } catch (thrown) {
    output.error("the lab could not be built; taking away what there is");
    await takeAway(env, readLab(dir));
    throw thrown;
  }
}

/** Two leave the state with the first until it is told; of three, a move that began by itself is as good. */
async function shareState(
  env: SystemEnv,
  lab: Lab,
  { first, servers }: { first: LabNode; servers: number },
): Promise<void> {
  let refused: string | undefined;
  try {
    await runLares(env, ["operator", "state", "move", "-to", "etcd", `-address=${nomadOf(first)}`]);
  } catch (thrown) {
    if (servers === 2) throw thrown;
    refused = messageOf(thrown);
  }
  try {
    await whenShared(env, lab);
  } catch (thrown) {
    if (refused === undefined) throw thrown;
    throw new CodedError("lab", `${messageOf(thrown)}; asked to share the state, the first said: ${refused}`);
  }
}

/** `own`, or the endpoint for all of them; empty: none is named. */
async function chooseEngine(
  env: SystemEnv,
  network: Lab["network"],
  { docker, dockerHost }: Pick<Wanted, "docker" | "dockerHost">,
): Promise<string> {
  if (docker === "shared") return dockerHost;
  if (docker !== "" && docker !== "own") return docker;
  if (await canHaveEngines(env, network)) return "own";
  if (docker === "") return dockerHost;
  throw new CodedError(
    "lab",
    "engines of their own take networks of their own and Docker (Debian's docker.io)",
    "use -docker=shared",
  );
}

function roleFlag({ role }: LabNode): readonly string[] {
  return role === "server" ? ["-server"] : [];
}

async function launchAll(env: SystemEnv, lab: Lab, nodes: readonly LabNode[]): Promise<Lab> {
  const launched = await Promise.all(nodes.map((node) => launch(env, node, lab)));
  const all = lab.nodes.map((node) => launched.find(({ name }) => name === node.name) ?? node);
  const now = { ...lab, nodes: all };
  writeLab(now);
  await Promise.all(launched.map((node) => whenUp(env, node)));
  return now;
}

export const down: RunCommand = async ({ flags, output }) => {
  const lab = readLab(labFolder(flags));
  const env = createEnv({ logLevel: "warn" });
  try {
    await takeAway(env, lab);
    output.line(`The lab in ${lab.dir} is gone.`);
    return 0;
  } finally {
    env.close();
  }
};

async function takeAway(env: SystemEnv, lab: Lab): Promise<void> {
  await endNodes(env, lab);
  await unmakeNetwork(env, lab);
  for (const node of lab.nodes) await unmountBelow(env.exec, node);
  if (lab.diskBytes > 0) for (const node of lab.nodes) await unmakeDisk(env.exec, node);
  for (const node of lab.nodes) forgetEngine(node);
  for (const { dir } of lab.nodes) rmSync(dir, { recursive: true, force: true });
  rmSync(join(lab.dir, "lab.json"), { force: true });
}

export const status: RunCommand = async (invocation) => {
  const env = createEnv({ logLevel: "warn" });
  try {
    const nodes = await shown(env, readLab(labFolder(invocation.flags)));
    return await show(invocation, nodes, () => table(nodes));
  } finally {
    env.close();
  }
};

function table(nodes: readonly ShownNode[]): string[] {
  return columns(
    ["Name", "Role", "State", "Nomad API", "Consul API", "PID"],
    nodes.map(({ name, role, state, http, pid }) => [name, role, state, http.nomad, http.consul, String(pid)]),
  );
}

function count(text: string, name: string, { least, most }: { readonly least: number; readonly most: number }): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`-${name} takes a number from ${least} to ${most}, not "${text}"`);
}
