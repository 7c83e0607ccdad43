import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ShownNode } from "#test/scenario/lab-cluster.ts";

/** The agent of a server, and its etcd. */
export function processesOf({ pid, dataDir }: ShownNode): readonly number[] {
  const folder = `--data-dir=${join(dataDir, "etcd")}`;
  const etcd = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => fileOf(`/proc/${name}/cmdline`).split("\0").includes(folder));
  return [pid, ...etcd.map(Number)];
}

/** Memory of their own, in MB. */
export function anonymousMb(pids: readonly number[]): number {
  const kb = pids.map((pid) => Number(/^RssAnon:\s+(\d+)/m.exec(fileOf(`/proc/${pid}/status`))?.[1] ?? 0));
  return kb.reduce((sum, each) => sum + each, 0) / 1024;
}

/** What they had the disk write so far, in bytes. */
export function writtenBytes(pids: readonly number[]): number {
  const bytes = pids.map((pid) => Number(/^write_bytes:\s+(\d+)/m.exec(fileOf(`/proc/${pid}/io`))?.[1] ?? 0));
  return bytes.reduce((sum, each) => sum + each, 0);
}

function fileOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
