import type { Disk } from "#base/env/disk.ts";
import type { AllocDir } from "../alloc/alloc-dir.ts";
import { tarStream } from "./tar-stream.ts";

/** What an allocation hands on to the one that replaces it: the shared `data` and each task's `local`. */
export function keptFolders(tasks: Iterable<string>): readonly string[] {
  return ["alloc/data", ...[...tasks].map((task) => `${task}/local`)];
}

/** The same as a tar archive, made while it is read. */
export function readKeptDisk(
  disk: Disk,
  { dir, tasks }: { readonly dir: AllocDir; readonly tasks: ReadonlyMap<string, unknown> },
): AsyncIterable<Uint8Array> {
  return tarStream({ disk, root: dir.root, folders: keptFolders(tasks.keys()) });
}
