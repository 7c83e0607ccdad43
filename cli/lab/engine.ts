import { mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { answersPing } from "../setup/private-dockerd.ts";
import { isRunning, type Lab, type LabNode } from "./lab-file.ts";
import { launchWithin, type Launched } from "./within.ts";

/** Longer than one takes on a busy machine. */
const START_MS = 60_000;
const PAUSE_MS = 50;
/** Docker's networks, and theirs alone: allocations on the node's bridge (172.27.0.0/16) keep their addresses on the way out. */
const CONTAINERS = "172.17.0.0/16";
const SETTINGS = { "default-address-pools": [{ base: CONTAINERS, size: 22 }] };
/** Containers go out by the node's address. */
const MASQUERADE = `table ip lab { }
delete table ip lab
table ip lab {
  chain out { type nat hook postrouting priority srcnat; ip saddr ${CONTAINERS} oifname "eth0" masquerade; }
}
`;
const CGROUPS = "/sys/fs/cgroup";

/** In which cases each client runs a Docker engine of its own. */
export async function canHaveEngines({ exec }: SystemEnv, network: Lab["network"]): Promise<boolean> {
  return network === "namespaces" && (await exec.run(["dockerd", "--version"])).code === 0;
}

/** In the form of DOCKER_HOST. Socket paths end at 108 bytes (unix(7)): it is not in the node's folder. */
export function engineOf(node: LabNode): string {
  return `unix://${socketOf(node)}`;
}

/** Starts the node's Docker engine and waits until it answers. What ran in it before is gone; its images stay. */
export async function startEngine(env: SystemEnv, node: LabNode): Promise<Launched> {
  const folder = runFolder(node);
  forgetEngine(node);
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, "daemon.json"), JSON.stringify(SETTINGS));
  writeFileSync(join(folder, "nat.nft"), MASQUERADE);
  await env.exec.run(["ip", "netns", "exec", node.namespace, "nft", "-f", join(folder, "nat.nft")]);
  const argv = [
    "dockerd",
    `--host=${engineOf(node)}`,
    `--data-root=${join(node.dir, "docker")}`,
    `--exec-root=${join(folder, "exec")}`,
    `--pidfile=${join(folder, "docker.pid")}`,
    `--cgroup-parent=/${node.namespace}`,
    "--iptables=false",
    "--ip-masq=false",
    `--config-file=${join(folder, "daemon.json")}`,
  ];
  const launched = launchWithin(node, { argv, log: "dockerd.log", env: process.env });
  const deadline = env.clock.monotonicMs() + START_MS;
  while (!(await answersPing(socketOf(node)))) {
    const late = env.clock.monotonicMs() > deadline;
    if (late || !isRunning(launched))
      throw new CodedError(
        "lab",
        `the Docker engine of ${node.name} ${late ? "does not answer" : "ended"}`,
        `look at ${join(node.dir, "dockerd.log")}, or use -docker=shared`,
      );
    await sleep(env.clock, PAUSE_MS);
  }
  return launched;
}

/** Takes away what an engine that ended left outside of the node's folder; never fails. */
export function forgetEngine(node: LabNode): void {
  if (node.namespace === "") return;
  rmSync(runFolder(node), { recursive: true, force: true });
  for (const group of list(CGROUPS)) removeGroups(join(CGROUPS, group, node.namespace));
  removeGroups(join(CGROUPS, node.namespace));
}

function socketOf(node: LabNode): string {
  return join(runFolder(node), "docker.sock");
}

function runFolder({ namespace }: LabNode): string {
  return join(tmpdir(), `lares-${namespace}`);
}

/** Control groups end from the innermost outwards. */
function removeGroups(folder: string): void {
  for (const name of list(folder)) removeGroups(join(folder, name));
  try {
    rmdirSync(folder);
  } catch {
    // Something still runs in it, or it is none.
  }
}

/** Folders in a folder. */
function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((each) => (each.isDirectory() ? [each.name] : []));
  } catch {
    return [];
  }
}
