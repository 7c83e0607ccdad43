import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { logIndexes, logPath } from "./log-files.ts";
import type { LogName } from "./log-files.ts";
import { startOfLog } from "./rotate-log.ts";
import type { RotationLimits } from "./rotate-log.ts";

export interface LogRequest {
  readonly name: LogName;
  readonly limits: RotationLimits;
  readonly origin: "start" | "end";
  /** From the start on, or from the end back. */
  readonly offset: number;
  readonly follow: boolean;
  /** True once nothing will be written any more: a follower then ends. */
  readonly isOver: () => boolean;
  readonly signal: AbortSignal;
}

export interface LogPiece {
  /** File name without its folder, and where in that file the piece starts. */
  readonly file: string;
  readonly offset: number;
  /** Empty: nothing new for a while. */
  readonly data: Uint8Array;
  /** `file deleted`, `file truncated`. */
  readonly event?: string;
}

const PIECE_BYTES = 64 * 1024;
const LOOK_EVERY_MS = 200;
/** Followers hear at least this often, so that both sides notice a dead connection. */
const HEARTBEAT_MS = 1000;

/** What a task wrote, across its rotated files, from one offset on; output that was rotated away meanwhile is skipped. */
export async function* readLog(env: Env, request: LogRequest): AsyncGenerator<LogPiece> {
  const { name, signal } = request;
  let at = await startAt(env, request);
  let quietMs = 0;
  while (!signal.aborted) {
    // Asked before reading: what is written until then is read below.
    const over = request.isOver();
    const piece = await readPiece(env, request, at);
    if (piece !== undefined) {
      at = piece.next;
      quietMs = 0;
      yield piece;
      continue;
    }
    if (!request.follow || over) return;
    await sleep(env.clock, LOOK_EVERY_MS, signal);
    quietMs += LOOK_EVERY_MS;
    if (quietMs < HEARTBEAT_MS) continue;
    quietMs = 0;
    yield { file: name.task, offset: at, data: new Uint8Array() };
  }
}

/** The offset in all that was ever written. */
async function startAt(env: Env, { name, limits, origin, offset }: LogRequest): Promise<number> {
  const indexes = await logIndexes(env.disk, name);
  const [first, last] = [indexes[0] ?? 0, indexes.at(-1) ?? 0];
  const start = startOfLog(first, limits);
  if (origin === "start") return start + offset;
  const end = (await env.disk.stat(logPath(name, last)))?.size ?? 0;
  return Math.max(start, end - offset);
}

async function readPiece(
  env: Env,
  { name, limits }: LogRequest,
  at: number,
): Promise<(LogPiece & { readonly next: number }) | undefined> {
  const indexes = await logIndexes(env.disk, name);
  const [first, live] = [indexes[0], indexes.at(-1)];
  if (first === undefined || live === undefined) return undefined;
  const from = Math.max(at, startOfLog(first, limits));
  const index = Math.min(live, Math.floor(from / limits.maxBytes));
  // The live file holds everything at its own place; finished ones begin at zero.
  const offset = index === live ? from : from - startOfLog(index, limits);
  const length = index === live ? PIECE_BYTES : Math.min(PIECE_BYTES, limits.maxBytes - offset);
  const path = logPath(name, index);
  const data = await env.disk.readAt(path, offset, length);
  if (data === undefined || data.length === 0) return undefined;
  return { file: `${name.task}.${name.stream}.${index}`, offset, data, next: from + data.length };
}
