import { dirname } from "node:path/posix";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";

/**
 * How far a container's output is copied, so that an agent that was killed goes on exactly there: of the engine's entries
 * from `since` on, in the order it gives them, the first `skip` were in the files when these had the sizes noted.
 * Whatever was copied after the note is told by how much the files have grown since.
 */
export interface LogPosition {
  /** Empty: from the very first. */
  readonly since: string;
  readonly skip: number;
  /** The time of the first of them: when the engine begins with another, it has thrown this one away. Empty: not known. */
  readonly first: string;
  readonly stdout: number;
  readonly stderr: number;
}

const PositionSchema = v.object({
  since: v.string(),
  skip: v.number(),
  first: v.string(),
  stdout: v.number(),
  stderr: v.number(),
});

export interface PositionPlace {
  readonly stdoutPath: string;
  readonly containerId: string;
}

/** Undefined: nobody knows. */
export async function readPosition(env: Env, place: PositionPlace): Promise<LogPosition | undefined> {
  const bytes = await env.disk.read(pathOf(place)).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), PositionSchema), textOf(bytes));
  return parsed.success ? parsed.output : undefined;
}

export async function writePosition(env: Env, place: PositionPlace, position: LogPosition): Promise<void> {
  const path = pathOf(place);
  await env.disk.makeDir(dirname(path), { durable: false });
  await env.disk.replace(path, JSON.stringify(position));
}

/** Beside the folders that the task sees: `<alloc>/.docker/<container>.json`. */
function pathOf({ stdoutPath, containerId }: PositionPlace): string {
  return `${dirname(dirname(dirname(stdoutPath)))}/.docker/${containerId.slice(0, 16)}.json`;
}

/** Entries of two streams may change places within this time. */
const DISORDER_MS = 100;
const NOTE_EVERY_MS = 1000;

/**
 * Finds moments at which a position can be told. It takes note of an entry; `since` is a while after it, so that what is to
 * be counted is still to come; and the position is told a while after that, so that nothing from before is still to come.
 */
export class PositionFinder {
  #dueMs = 0;
  /** Empty: nothing is counted yet. */
  #since = "";
  #tellFrom = "";
  #first = "";
  #count = 0;

  /** Call for each entry, before it is copied. True: now {@link tell} says where the copy is. */
  entry(stamp: string, nowMs: number): boolean {
    if (this.#since === "") {
      if (nowMs < this.#dueMs) return false;
      this.#since = later(stamp);
      this.#tellFrom = later(this.#since);
      this.#first = "";
      this.#count = 0;
      return false;
    }
    if (stamp < this.#since) return false;
    if (this.#count > 0 && stamp >= this.#tellFrom) return true;
    if (this.#count === 0) this.#first = stamp;
    this.#count += 1;
    return false;
  }

  tell(nowMs: number, sizes: Pick<LogPosition, "stdout" | "stderr">): LogPosition {
    const { stdout, stderr } = sizes;
    const position = { since: this.#since, skip: this.#count, first: this.#first, stdout, stderr };
    this.#since = "";
    this.#dueMs = nowMs + NOTE_EVERY_MS;
    return position;
  }
}

function later(stamp: string): string {
  const ms = Date.parse(stamp);
  return Number.isNaN(ms) ? "" : new Date(ms + DISORDER_MS).toISOString().replace("Z", "000000Z");
}

/** As the engine's `since` takes a time: seconds with a fraction. */
export function secondsOf(stamp: string): string {
  const fraction = /\.(\d{9})Z$/.exec(stamp)?.[1] ?? "000000000";
  return `${Math.floor(Date.parse(stamp) / 1000)}.${fraction}`;
}
