import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";

/** One process as `/proc/<pid>/stat` tells it (proc_pid_stat(5)). */
export interface ProcStat {
  readonly state: string;
  /** Clock ticks (100 a second) of user and system time. */
  readonly cpuTicks: number;
  /** Ticks after boot at which it started: with the pid it names a process for good. */
  readonly startTicks: number;
  readonly rssPages: number;
}

export function parseProcStat(text: string): ProcStat | undefined {
  // The program's name stands in brackets and may hold any character, brackets and spaces included.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, user, system, start, rss] = [fields[0], fields[11], fields[12], fields[19], fields[21]];
  if (state === undefined || state === "" || start === undefined || !/^\d+$/.test(start)) return undefined;
  return { state, cpuTicks: Number(user) + Number(system), startTicks: Number(start), rssPages: Number(rss) };
}

export async function readProcStat(disk: Disk, pid: number): Promise<ProcStat | undefined> {
  const bytes = await readSoft(disk, `/proc/${pid}/stat`);
  return bytes === undefined ? undefined : parseProcStat(bytes);
}

/** The children of a process's main thread; undefined where the kernel does not tell. */
export async function childrenOf(disk: Disk, pid: number): Promise<readonly number[] | undefined> {
  const text = await readSoft(disk, `/proc/${pid}/task/${pid}/children`);
  return text === undefined ? undefined : pidsIn(text);
}

export function pidsIn(text: string): readonly number[] {
  return text.split(/\s+/).flatMap((word) => (/^\d+$/.test(word) ? [Number(word)] : []));
}

/** For files of /proc and cgroups, which vanish while they are read (ESRCH, ENODEV). */
export async function readSoft(disk: Disk, path: string): Promise<string | undefined> {
  try {
    const bytes = await disk.read(path);
    return bytes === undefined ? undefined : textOf(bytes);
  } catch {
    return undefined;
  }
}
