import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Limits {
  /** Without a result: longer than any test may take. */
  readonly silenceMs: number;
  /** Of the whole run. */
  readonly wholeMs: number;
  /** Between the last result and the runner's end. */
  readonly endMs: number;
}

export interface Watch {
  /** There is a result. */
  heard(): void;
  /** All results are there. */
  over(): void;
  /** Why it was ended; undefined: it ended by itself. */
  reason(): string | undefined;
  stop(): void;
}

/**
 * Ends what hangs, so that a run always comes to its last line. The files of a run that is silent are killed, which the runner
 * counts as their failure, and it goes on with the others; where it does not end, it is killed itself.
 */
export function watchRunner(runner: ChildProcess, limits: Limits): Watch {
  const pid = runner.pid ?? 0;
  let reason: string | undefined;
  const end = (why: string) => () => {
    reason = why;
    // Else it could start another one in between.
    runner.kill("SIGSTOP");
    kill([...childrenOf(pid), pid]);
  };
  const minutes = (ms: number): string => `${Math.round(ms / 6000) / 10} minutes`;
  const silence = setInterval(() => kill(childrenOf(pid)), limits.silenceMs);
  const whole = setTimeout(end(`the tests took longer than ${minutes(limits.wholeMs)}`), limits.wholeMs);
  let last: NodeJS.Timeout | undefined;
  return {
    heard: () => void silence.refresh(),
    over() {
      const why = `the test runner did not end within ${minutes(limits.endMs)} after its last result: a process that a test left behind holds it`;
      last ??= setTimeout(end(why), limits.endMs);
    },
    reason: () => reason,
    stop() {
      clearInterval(silence);
      clearTimeout(whole);
      clearTimeout(last);
    },
  };
}

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the parent is the second field after the name in parentheses. */
function childrenOf(pid: number): number[] {
  const parentOf = (entry: string): number => {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    } catch {
      return 0;
    }
  };
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid)
    .map(Number);
}
