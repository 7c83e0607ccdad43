import { createHash } from "node:crypto";
import type { Disk } from "#base/env/disk.ts";
import { CodedError } from "#base/env/errors.ts";
import type { BackupTarget } from "./target.ts";
import { contentOf } from "./target.ts";

const PART = ".part";
const OWNER_ONLY = 0o600;

export interface FolderTargetOptions {
  readonly disk: Disk;
  readonly name: string;
  readonly folder: string;
  readonly retain: number;
}

/** A folder, of this machine or of a mounted one. It is not made here: a disk that is not mounted must not go unnoticed. */
export function folderTarget({ disk, name, folder, retain }: FolderTargetOptions): BackupTarget {
  const requireFolder = async (): Promise<void> => {
    if ((await disk.stat(folder))?.kind === "directory") return;
    throw new CodedError("no_folder", `there is no folder ${folder} on this server`, "mount it, or make it");
  };
  return {
    name,
    place: folder,
    retain,
    async put(file, { path, sha256 }) {
      await requireFolder();
      const part = `${folder}/${file}${PART}`;
      await disk.remove(part);
      try {
        const target = await disk.openAppend(part, { mode: OWNER_ONLY });
        try {
          for await (const bytes of contentOf(disk, path)) await target.append(bytes);
          await target.sync();
        } finally {
          await target.close();
        }
        if ((await hashOf(disk, part)) !== sha256)
          throw new CodedError("damaged", `what was written into ${folder} is not what can be read there`);
        await disk.rename(part, `${folder}/${file}`);
      } catch (thrown) {
        await disk.remove(part).catch(() => {});
        throw thrown;
      }
    },
    async list() {
      await requireFolder();
      const found = await Promise.all(
        (await disk.list(folder)).map(async (file) => ({ name: file, stat: await disk.stat(`${folder}/${file}`) })),
      );
      return found.flatMap(({ name: file, stat }) => (stat?.kind === "file" ? [{ name: file, bytes: stat.size }] : []));
    },
    async read(file) {
      const path = `${folder}/${file}`;
      return (await disk.stat(path))?.kind === "file" ? contentOf(disk, path) : undefined;
    },
    remove: (file) => disk.remove(`${folder}/${file}`),
  };
}

async function hashOf(disk: Disk, path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of contentOf(disk, path)) hash.update(bytes);
  return hash.digest("hex");
}
