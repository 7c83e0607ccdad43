import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname } from "node:path";
import type { FileOptions } from "#base/env/disk.ts";
import type { Random } from "#base/env/random.ts";

const FILE_MODE = 0o644;

export interface Replacement {
  readonly path: string;
  readonly data: Uint8Array | string;
  readonly options: FileOptions;
  readonly random: Random;
}

/** Writes a neighbour and renames it over the path, both safe from a power cut. No link is followed in the last place. */
export async function replaceFile({ path, data, options, random }: Replacement): Promise<void> {
  const neighbour = `${path}.${random.uuid().slice(0, 8)}.new`;
  try {
    const file = await fs.open(neighbour, "wx", options.mode ?? FILE_MODE);
    try {
      // The mode given to open is cut by the umask.
      await file.chmod(options.mode ?? FILE_MODE);
      if (options.uid !== undefined || options.gid !== undefined) {
        await file.chown(options.uid ?? -1, options.gid ?? -1);
      }
      await file.writeFile(data);
      if (options.durable !== false) await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(neighbour, path);
  } catch (thrown) {
    await fs.rm(neighbour, { force: true });
    throw thrown;
  }
  if (options.durable !== false) await syncFolder(dirname(path));
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
