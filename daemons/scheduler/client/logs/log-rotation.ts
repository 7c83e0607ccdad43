import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { LogConfig } from "#base/protocol/policies.ts";
import { rotateLog } from "./rotate-log.ts";
import type { RotationLimits } from "./rotate-log.ts";

export interface RotatedTask {
  readonly folder: string;
  readonly task: string;
  readonly config: LogConfig;
}

export interface LogRotation {
  add(task: RotatedTask): void;
  remove(folder: string, task: string): void;
  close(): void;
}

const DEFAULT_FILES = 10;
const DEFAULT_SIZE_MB = 10;
const SOONEST_MS = 5000;
/** A log that does not grow is looked at this rarely. */
const LATEST_MS = 60_000;

export function limitsOf(config: LogConfig): RotationLimits {
  return {
    maxFiles: Math.max(1, config.MaxFiles ?? DEFAULT_FILES),
    maxBytes: Math.max(1, config.MaxFileSizeMB ?? DEFAULT_SIZE_MB) * 1024 * 1024,
  };
}

interface Watched extends RotatedTask {
  dueMs: number;
  size: number;
  pauseMs: number;
  /** Two looks at once would cut the same chunk twice. */
  turn: Promise<void>;
}

/** Keeps the logs of running tasks within their limits. One timer for all; each log is looked at the more rarely the slower it grows. */
export function createLogRotation(env: Env): LogRotation {
  const watched = new Map<string, Watched>();
  let timer: Timer | undefined;

  const look = async (each: Watched): Promise<void> => {
    const limits = limitsOf(each.config);
    let size = 0;
    for (const stream of ["stdout", "stderr"] as const) {
      size += await rotateLog(env, { folder: each.folder, task: each.task, stream }, limits);
    }
    const grown = Math.max(0, size - each.size);
    const fillMs = grown === 0 ? LATEST_MS : (each.pauseMs * limits.maxBytes) / (2 * grown);
    each.pauseMs = Math.min(LATEST_MS, Math.max(SOONEST_MS, fillMs), each.pauseMs * 2);
    each.size = size;
    each.dueMs = env.clock.monotonicMs() + each.pauseMs;
  };

  const lookSafely = (each: Watched): Promise<void> => {
    const trouble = (thrown: unknown): void => {
      each.dueMs = env.clock.monotonicMs() + LATEST_MS;
      env.log.warn("cannot rotate a task's log", { task: each.task, error: messageOf(thrown) });
    };
    each.turn = each.turn.then(() => look(each)).catch(trouble);
    return each.turn;
  };

  const round = async (): Promise<void> => {
    const now = env.clock.monotonicMs();
    for (const each of watched.values()) {
      if (each.dueMs > now) continue;
      await lookSafely(each);
    }
    timer = watched.size === 0 ? undefined : env.clock.after(SOONEST_MS, () => void round());
  };

  return {
    add(task) {
      if (task.config.Disabled) return;
      const key = `${task.folder}/${task.task}`;
      watched.set(key, {
        ...task,
        dueMs: env.clock.monotonicMs() + SOONEST_MS,
        size: 0,
        pauseMs: SOONEST_MS,
        turn: watched.get(key)?.turn ?? Promise.resolve(),
      });
      timer ??= env.clock.after(SOONEST_MS, () => void round());
    },
    remove(folder, task) {
      const last = watched.get(`${folder}/${task}`);
      watched.delete(`${folder}/${task}`);
      // What it wrote since the last look stays as it is otherwise.
      if (last !== undefined) void lookSafely(last);
    },
    close() {
      timer?.cancel();
      timer = undefined;
      watched.clear();
    },
  };
}
