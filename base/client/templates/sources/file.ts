import { sleep, type Clock } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { DiskError, type Disk } from "#base/env/disk.ts";
import type { FileDependency } from "../dependencies/dependency.ts";
import type { Source } from "../engine/source.ts";

type Files = Pick<Disk, "read" | "stat">;

export interface FileSourceOptions<V> {
  readonly clock: Clock;
  readonly disk: Files;
  /** Where a path of a template is: absolute. */
  readonly resolve: (path: string) => string;
  readonly value: (bytes: Uint8Array) => V;
}

/** Between two looks at a file. */
const POLL_MS = 2000;
export const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Files, looked at now and then. A file that goes away leaves its last content standing. */
export function createFileSource<V>({ clock, disk, resolve, value }: FileSourceOptions<V>): Source<FileDependency, V> {
  return {
    async follow({ path }, sink, signal) {
      const at = resolve(path);
      let seen = "";
      let complained = "";
      while (!signal.aborted) {
        const look = await lookAt(disk, at);
        if (typeof look === "string") {
          if (look !== complained) sink.failed(look, POLL_MS);
          complained = look;
        } else if (look.mark !== seen) {
          complained = "";
          const bytes = await disk.read(at).catch((thrown: unknown) => messageOf(thrown));
          if (signal.aborted) return;
          if (bytes instanceof Uint8Array) {
            seen = look.mark;
            sink.value(value(bytes));
          }
        }
        await sleep(clock, POLL_MS, signal);
      }
    },
  };
}

async function lookAt(disk: Files, path: string): Promise<{ readonly mark: string } | string> {
  try {
    const stat = await disk.stat(path);
    if (stat === undefined) return `there is no file ${path}`;
    if (stat.kind === "directory") return `${path} is a directory`;
    if (stat.kind === "other") return `${path} is no file that can be read to its end`;
    if (stat.size > MAX_FILE_BYTES) return `${path} is larger than ${MAX_FILE_BYTES / 2 ** 20} MiB`;
    // A link's own time says nothing about what it points at.
    return { mark: stat.kind === "symlink" ? await contentMark(disk, path) : `${stat.modifiedMs} ${stat.size}` };
  } catch (thrown) {
    if (!(thrown instanceof DiskError)) throw thrown;
    return thrown.message;
  }
}

async function contentMark(disk: Files, path: string): Promise<string> {
  const bytes = await disk.read(path);
  return bytes === undefined ? "gone" : Buffer.from(bytes).toString("base64");
}
