import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import type { LabNode } from "./lab-file.ts";

/** The agent, and the etcd that it looks after. */
export function agentOf({ dir, pid }: LabNode): readonly number[] {
  const folder = `--data-dir=${join(dir, "data/etcd")}`;
  return [pid, ...processes().filter((each) => read(`/proc/${each}/cmdline`).split("\0").includes(folder))];
}

/** All that a power cut ends: the agent, its tasks, containers and their engine. */
export function allOf(node: LabNode): readonly number[] {
  const found = new Set([...(node.pid === 0 ? [] : agentOf(node)), ...tasksOf(node), ...inNetwork(node)]);
  // Containers have networks of their own, and are children of what runs in the node's.
  const parents = processes().map((pid) => [pid, parentOf(pid)] as const);
  for (let size = 0; size !== found.size;) {
    size = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself.
    }
  }
}

/** Processes that work in a folder of the node's allocations. */
function tasksOf({ dir }: LabNode): number[] {
  const root = `${join(dir, "data/alloc")}/`;
  return processes().filter((pid) => read(`/proc/${pid}/environ`).includes(`NOMAD_ALLOC_DIR=${root}`));
}

function inNetwork({ namespace }: LabNode): number[] {
  if (namespace === "") return [];
  try {
    const mark = `net:[${statSync(`/run/netns/${namespace}`).ino}]`;
    return processes().filter((pid) => networkOf(pid) === mark);
  } catch {
    // The network is gone already.
    return [];
  }
}

function networkOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return "";
  }
}

/** Field 4 of proc_pid_stat(5). */
function parentOf(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1] ?? 0);
}

function processes(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Empty: it ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
