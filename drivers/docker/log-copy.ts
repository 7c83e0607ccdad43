import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Engine } from "./engine.ts";
import { createEntryReader } from "./log-entries.ts";
import { copyLogFile } from "./log-file.ts";
import { OutputFiles, type OutputPlace } from "./output-files.ts";
import { PositionFinder, readPosition, secondsOf, writePosition, type LogPosition } from "./log-position.ts";

export interface LogTarget extends OutputPlace {
  readonly tty: boolean;
  /** The engine's own file, where this agent can read it; empty: the engine is asked. */
  readonly logPath: string;
}

export interface LogCopies {
  /** `resume`: goes on after what the files hold already. */
  start(target: LogTarget, resume: boolean): void;
  /** Resolves when all output of an ended container is copied, or after a grace time. */
  drain(containerId: string): Promise<void>;
  /** Resolves when nothing is written any more. */
  close(): Promise<void>;
}

interface Copy {
  readonly stop: AbortController;
  readonly ending: AbortController;
  readonly done: Promise<void>;
  /** Rises while something comes. */
  readonly progress: { readonly bytes: number };
}

/** How long output may take to go on coming once its container has ended. */
const SILENCE_MS = 5000;
/** In all: the rest of a log that is larger than what is copied in this time stays with the engine. */
const DRAIN_MS = 60_000;
const RETRY_MS = 1000;

/** Copies containers' output to the ends of the tasks' log files, one stream each. */
export function createLogCopies(env: Env, engine: Engine): LogCopies {
  const copies = new Map<string, Copy>();
  return {
    start(target, resume) {
      if (copies.has(target.containerId)) return;
      const [stop, ending] = [new AbortController(), new AbortController()];
      const progress = { bytes: 0 };
      const done = copyUntilEnded(env, engine, {
        target,
        resume,
        signal: stop.signal,
        ending: ending.signal,
        progress,
      })
        .catch((thrown: unknown) => env.log.warn("cannot copy a container's output", { error: messageOf(thrown) }))
        .then(() => void copies.delete(target.containerId));
      copies.set(target.containerId, { stop, ending, done, progress });
    },
    async drain(containerId) {
      const copy = copies.get(containerId);
      if (copy === undefined) return;
      copy.ending.abort();
      let isDone = false;
      void copy.done.then(() => (isDone = true));
      const until = env.clock.monotonicMs() + DRAIN_MS;
      for (let before = -1; !isDone && copy.progress.bytes !== before && env.clock.monotonicMs() < until;) {
        before = copy.progress.bytes;
        await Promise.race([copy.done, sleep(env.clock, SILENCE_MS)]);
      }
      copy.stop.abort();
    },
    async close() {
      for (const copy of copies.values()) copy.stop.abort();
      await Promise.all([...copies.values()].map((copy) => copy.done));
    },
  };
}

interface CopyJob {
  readonly target: LogTarget;
  readonly resume: boolean;
  readonly signal: AbortSignal;
  /** The container has ended. */
  readonly ending: AbortSignal;
  readonly progress: { bytes: number };
}

async function copyUntilEnded(env: Env, engine: Engine, job: CopyJob): Promise<void> {
  const { target, signal } = job;
  const files = new OutputFiles(env, target);
  try {
    let isFirst = true;
    while (!signal.aborted) {
      const resume = job.resume || !isFirst;
      // Of a terminal the engine gives no entries, only bytes: there the time of the last one has to do.
      const ask = target.tty ? copyTerminal : copyEntries;
      try {
        if (target.logPath === "") await ask(env, { ...job, engine, files, resume });
        else await copyLogFile(env, { ...job, logPath: target.logPath, files, resume });
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        env.log.debug("lost a container's output; following again", { error: messageOf(thrown) });
        await files.close();
        await sleep(env.clock, RETRY_MS, signal);
      }
      isFirst = false;
    }
  } finally {
    await files.close();
  }
}

interface Copying extends CopyJob {
  readonly engine: Engine;
  readonly files: OutputFiles;
}

async function copyTerminal(_: Env, { engine, files, progress, ...job }: Copying): Promise<void> {
  const sinceMs = job.resume ? await files.lastWriteMs() : 0;
  const since = sinceMs === 0 ? "" : `&since=${(sinceMs / 1000).toFixed(3)}`;
  const body = await open(engine, job, `follow=1${since}`);
  if (body === undefined) return;
  for await (const chunk of body) {
    await files.append("stdout", chunk);
    progress.bytes += chunk.length;
  }
}

async function copyEntries(env: Env, copying: Copying): Promise<void> {
  const { files, target, resume } = copying;
  if (!resume) await writePosition(env, target, { since: "", skip: 0, first: "", ...(await files.sizes()) });
  await copyFromNote(env, copying, true);
  // An engine may end the stream before it has given the last entries: what it has left is asked for once more.
  await copyFromNote(env, copying, false);
}

async function copyFromNote(env: Env, copying: Copying, isFollowed: boolean): Promise<void> {
  const { files, target } = copying;
  const from = await readPosition(env, target);
  if (from !== undefined && (await copyFrom(env, copying, { from, isFollowed }))) return;
  // What the files end with is no longer in the engine's log, or was never noted: their time has to do.
  const since = new Date(await files.lastWriteMs()).toISOString().replace("Z", "000000Z");
  if (isFollowed)
    await copyFrom(env, copying, { from: { since, skip: 0, first: "", ...(await files.sizes()) }, isFollowed });
}

interface Stretch {
  readonly from: LogPosition;
  /** Goes on with what comes; else what there is. */
  readonly isFollowed: boolean;
}

/** False: the engine's log does not go back so far. */
async function copyFrom(
  env: Env,
  { engine, files, progress, ...job }: Copying,
  { from, isFollowed }: Stretch,
): Promise<boolean> {
  const place = job.target;
  const held = await files.sizes();
  const known = { stdout: held.stdout - from.stdout, stderr: held.stderr - from.stderr };
  const since = from.since === "" ? "" : `&since=${secondsOf(from.since)}`;
  const body = await open(engine, job, `follow=${isFollowed ? 1 : 0}&timestamps=1${since}`);
  if (body === undefined) return true;
  const read = createEntryReader();
  const finder = new PositionFinder();
  let seen = 0;
  for await (const chunk of body) {
    progress.bytes += chunk.length;
    for (const { stream, data, stamp } of read(chunk)) {
      if (stamp !== undefined) {
        if (seen === 0 && from.first !== "" && stamp !== from.first) return false;
        seen += 1;
        const isNew = seen > from.skip && known.stdout <= 0 && known.stderr <= 0;
        if (isNew && finder.entry(stamp, env.clock.monotonicMs())) {
          await writePosition(env, place, finder.tell(env.clock.monotonicMs(), await files.sizes()));
        }
      }
      if (seen <= from.skip || data.length === 0) continue;
      const old = Math.min(Math.max(0, known[stream]), data.length);
      known[stream] -= old;
      if (old < data.length) await files.append(stream, data.subarray(old));
    }
  }
  return true;
}

/** Undefined: the engine has no log of it, for good. */
async function open(
  engine: Engine,
  { target, signal }: Pick<CopyJob, "target" | "signal">,
  how: string,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const path = `/containers/${target.containerId}/logs?stdout=1&stderr=1&${how}`;
  const response = await engine.stream({ path, signal });
  if (response.status < 300) return response.body;
  response.abandon();
  if (response.status === 404) return undefined;
  throw new CodedError("ENGINE", `the engine gives no logs of a container: HTTP ${response.status}`);
}
