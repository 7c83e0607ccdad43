import { join, normalize } from "node:path/posix";
import * as v from "valibot";
import type { Disk } from "#base/env/disk.ts";
import type { StartFailure, TaskStart } from "../../driver.ts";
import type { Engine } from "../engine.ts";
import { jsonLines } from "../json-lines.ts";

const PIECE_BYTES = 1024 * 1024;
const LineSchema = v.object({ stream: v.optional(v.string(), ""), error: v.optional(v.string(), "") });
const MessageSchema = v.object({ message: v.string() });

interface Load {
  readonly disk: Disk;
  readonly engine: Engine;
  readonly task: TaskStart;
  /** As the task's config gives it: below its `local` folder. */
  readonly path: string;
}

/** Gives the engine an archive of images (as `docker save` writes one) that lies in the task's `local` folder. */
export async function loadImage({ disk, engine, task, path }: Load): Promise<StartFailure | undefined> {
  const file = await findIn(disk, task.paths.localDir, path);
  if (file === undefined) {
    return failure(path, "there is no such file in the task's local folder", "fetch it with an artifact block");
  }
  task.onEvent("Loading image", { archive: path });
  const response = await engine.stream({
    method: "POST",
    path: "/images/load?quiet=1",
    archive: pieces(disk, file),
    timeoutMs: 0,
    signal: task.signal,
  });
  let error = "";
  for await (const value of jsonLines(response.body)) {
    const line = v.safeParse(LineSchema, value);
    if (line.success && line.output.error !== "") error = line.output.error;
    const message = v.safeParse(MessageSchema, value);
    if (message.success) error = message.output.message;
  }
  if (error === "" && response.status < 300) return undefined;
  return failure(path, error === "" ? `HTTP ${response.status}` : error, "docker save writes such archives");
}

function failure(path: string, why: string, hint: string): StartFailure {
  return {
    code: "IMAGE",
    message: `cannot load an image from ${JSON.stringify(path)}: ${why}`,
    hint,
    recoverable: false,
  };
}

/** Through no link: a task must not have the agent read for it what it may not. */
async function findIn(disk: Disk, folder: string, given: string): Promise<string | undefined> {
  let path = folder;
  for (const part of normalize(`/${given}`).split("/")) {
    path = join(path, part);
    if ((await disk.stat(path))?.kind === "symlink") return undefined;
  }
  return (await disk.stat(path))?.kind === "file" ? path : undefined;
}

async function* pieces(disk: Disk, path: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; ;) {
    const data = await disk.readAt(path, at, PIECE_BYTES);
    if (data === undefined || data.length === 0) return;
    at += data.length;
    yield data;
  }
}
