import { dirname } from "node:path/posix";
import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import { textOf, utf8 } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { OutputFiles, OutputPlace } from "./output-files.ts";

export interface LogFileCopy {
  readonly target: OutputPlace;
  /** Where the engine writes what the container prints: one JSON object a line, as json-file does, never turned over. */
  readonly logPath: string;
  readonly files: OutputFiles;
  /** Goes on after what the files hold already. */
  readonly resume: boolean;
  readonly signal: AbortSignal;
  /** The container has ended: what is there by then is all. */
  readonly ending: AbortSignal;
  readonly progress: { bytes: number };
}

/** How far the engine's file is copied; whatever was copied after the note is told by how much the files have grown since. */
const NoteSchema = v.object({ offset: v.number(), stdout: v.number(), stderr: v.number() });
type Note = v.InferOutput<typeof NoteSchema>;

const EntrySchema = v.object({ log: v.string(), stream: v.picklist(["stdout", "stderr"]) });

const PIECE_BYTES = 1024 * 1024;
const LOOK_FIRST_MS = 20;
const LOOK_LONGEST_MS = 1000;
const NOTE_EVERY_MS = 1000;
/** What was copied is given back to the file system in steps of this size; a log that stays below is left as it is. */
const PUNCH_BYTES = 32 * 1024 * 1024;
const BLOCK = 4096;
/** The engine's last word may come after its event. */
const LAST_LOOK_MS = 100;

/**
 * Copies the engine's own file of a container's output. The engine's disk takes what comes faster than it is copied, or
 * while no agent runs, so that nothing is lost; and a place in a file is exact, so that nothing is copied twice. Rejects
 * when a file cannot be read or written: then it is begun again with `resume`.
 */
export async function copyLogFile(env: Env, copy: LogFileCopy): Promise<void> {
  const { files, logPath, signal, ending, progress } = copy;
  const from = await begin(env, copy);
  // Most containers that an agent takes up are quiet, and may be hundreds: their files are opened when there is something.
  let known: { stdout: number; stderr: number } | undefined;
  const firstMs = copy.resume ? LOOK_LONGEST_MS : LOOK_FIRST_MS;
  let [offset, notedMs, punched, pauseMs, isLast] = [from.offset, env.clock.monotonicMs(), 0, firstMs, false];
  while (!signal.aborted) {
    const size = (await env.disk.stat(logPath))?.size;
    if (size === undefined) return;
    const data =
      size > offset ? await env.disk.readAt(logPath, offset, Math.min(PIECE_BYTES, size - offset)) : undefined;
    const end = data === undefined ? 0 : data.lastIndexOf(LINE_END) + 1;
    if (data === undefined || end === 0) {
      if (isLast) return note(env, copy.target, { offset, ...(await files.sizes()) });
      isLast = ending.aborted;
      await sleep(env.clock, isLast ? LAST_LOOK_MS : pauseMs, isLast ? signal : ending);
      pauseMs = Math.min(pauseMs * 2, LOOK_LONGEST_MS);
      continue;
    }
    known ??= await grownSince(from, files);
    const printed = outputOf(textOf(data.subarray(0, end)));
    for (const stream of STREAMS) {
      const bytes = utf8(printed[stream]);
      const old = Math.min(Math.max(0, known[stream]), bytes.length);
      known[stream] -= old;
      if (old < bytes.length) await files.append(stream, bytes.subarray(old));
    }
    offset += end;
    progress.bytes += end;
    pauseMs = LOOK_FIRST_MS;
    if (env.clock.monotonicMs() - notedMs < NOTE_EVERY_MS || known.stdout > 0 || known.stderr > 0) continue;
    await note(env, copy.target, { offset, ...(await files.sizes()) });
    notedMs = env.clock.monotonicMs();
    if (offset - punched >= PUNCH_BYTES) punched = await punch(env, logPath, offset);
  }
}

/** What was copied after the note. */
async function grownSince(from: Note, files: OutputFiles): Promise<{ stdout: number; stderr: number }> {
  const held = await files.sizes();
  return { stdout: held.stdout - from.stdout, stderr: held.stderr - from.stderr };
}

const LINE_END = 10;
const STREAMS = ["stdout", "stderr"] as const;

/** A note is there before anything is copied: where there is none, nothing was. */
async function begin(env: Env, { target, files, resume }: LogFileCopy): Promise<Note> {
  const bytes = resume ? await env.disk.read(pathOf(target)).catch(() => undefined) : undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), NoteSchema), textOf(bytes ?? new Uint8Array()));
  if (parsed.success) return parsed.output;
  const first = { offset: 0, ...(await files.sizes()) };
  await note(env, target, first);
  return first;
}

async function note(env: Env, target: OutputPlace, value: Note): Promise<void> {
  const path = pathOf(target);
  await env.disk.makeDir(dirname(path), { durable: false });
  // After a power cut the container does not run any more either.
  await env.disk.replace(path, JSON.stringify(value), { durable: false });
}

/** Beside the folders that the task sees: `<alloc>/.docker/<container>.at`. */
function pathOf({ stdoutPath, containerId }: OutputPlace): string {
  return `${dirname(dirname(dirname(stdoutPath)))}/.docker/${containerId.slice(0, 16)}.at`;
}

/** What is in whole lines of the engine's file, by stream. */
export function outputOf(text: string): { stdout: string; stderr: string } {
  const printed = { stdout: "", stderr: "" };
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const entry = entryOf(line) ?? entryOf(line.slice(Math.max(0, line.lastIndexOf(BEGIN))));
    if (entry !== undefined) printed[entry.stream] += entry.log;
  }
  return printed;
}

/** An engine that was killed leaves half an entry, with the next one behind it. */
const BEGIN = '{"log":"';

function entryOf(line: string): v.InferOutput<typeof EntrySchema> | undefined {
  try {
    const parsed = v.safeParse(EntrySchema, JSON.parse(line));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Where the file system makes no holes, the file stays as large as it is. */
async function punch(env: Env, path: string, offset: number): Promise<number> {
  const length = Math.floor(offset / BLOCK) * BLOCK;
  await env.exec.run(["fallocate", "--punch-hole", "--offset", "0", "--length", String(length), path]);
  return length;
}
