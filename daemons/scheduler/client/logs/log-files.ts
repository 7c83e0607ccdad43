import { join } from "node:path/posix";
import type { Disk } from "#base/env/disk.ts";

/** The output of one stream of one task: `<task>.stdout.0`, `.1` … in the allocation's log folder; the highest is being written. */
export interface LogName {
  readonly folder: string;
  readonly task: string;
  readonly stream: "stdout" | "stderr";
}

/** Numbers of the files that exist, rising. */
export async function logIndexes(disk: Disk, { folder, task, stream }: LogName): Promise<readonly number[]> {
  const prefix = `${task}.${stream}.`;
  const indexes: number[] = [];
  for (const name of await disk.list(folder)) {
    if (name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
      indexes.push(Number(name.slice(prefix.length)));
  }
  return indexes.sort((a, b) => a - b);
}

export function logPath(name: LogName, index: number): string {
  return join(name.folder, `${name.task}.${name.stream}.${index}`);
}

/** The file output is appended to now. */
export async function liveLogPath(disk: Disk, name: LogName): Promise<string> {
  return logPath(name, (await logIndexes(disk, name)).at(-1) ?? 0);
}
