import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { readProcStat } from "./proc.ts";

/** A process that is not our child can only be looked at. One shared timer looks at all of them; at a few more often. */
const LOOK_EVERY_MS = 1000;
const LOOK_AT_FEW_MS = 200;
const FEW = 32;
/** A pid may be a zombie nobody reaps, or used again: its start time is compared this often. */
const COMPARE_EVERY = 5;

export interface WatchedProcess {
  readonly pid: number;
  readonly startTicks: number;
}

export interface ExitWatch {
  /** Resolves when the process is gone, or false when the signal aborts. */
  ended(process: WatchedProcess, signal: AbortSignal): Promise<boolean>;
  close(): void;
}

export async function isAlive(env: Env, { pid, startTicks }: WatchedProcess): Promise<boolean> {
  const stat = await readProcStat(env.disk, pid);
  return stat !== undefined && stat.startTicks === startTicks && stat.state !== "Z" && stat.state !== "X";
}

export function createExitWatch(env: Env): ExitWatch {
  const watched = new Map<WatchedProcess, () => void>();
  let timer: Timer | undefined;
  let round = 0;

  const look = async (): Promise<void> => {
    round += 1;
    for (const [process, gone] of watched) {
      const there = env.exec.kill(process.pid, 0);
      if (!there || (round % COMPARE_EVERY === 0 && !(await isAlive(env, process)))) gone();
    }
    timer = watched.size === 0 ? undefined : later();
  };
  const later = (): Timer => env.clock.after(watched.size > FEW ? LOOK_EVERY_MS : LOOK_AT_FEW_MS, () => void look());

  return {
    ended: (process, signal) =>
      new Promise((resolve) => {
        const finish = (result: boolean): void => {
          watched.delete(process);
          signal.removeEventListener("abort", abort);
          resolve(result);
        };
        const abort = (): void => finish(false);
        if (signal.aborted) {
          resolve(false);
          return;
        }
        signal.addEventListener("abort", abort, { once: true });
        watched.set(process, () => finish(true));
        timer ??= later();
      }),
    close() {
      timer?.cancel();
      timer = undefined;
    },
  };
}
