import { readFileSync } from "node:fs";

export interface Usage {
  readonly anonymousBytes: number;
  readonly residentBytes: number;
  readonly cpuMs: number;
  readonly writtenBytes: number;
}

/** Clock ticks per second in /proc/PID/stat: USER_HZ, 100 on every Linux architecture in use (proc(5)). */
const TICKS_PER_SECOND = 100;

/** What a process has used, from /proc: https://man7.org/linux/man-pages/man5/proc.5.html */
export function readUsage(pid: number): Usage {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    anonymousBytes: kilobytes(rollup, "Anonymous") * 1024,
    residentBytes: kilobytes(rollup, "Rss") * 1024,
    cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND,
    writtenBytes: Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1] ?? 0),
  };
}

function kilobytes(rollup: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? Number.NaN);
}
