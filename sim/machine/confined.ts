import { dirname } from "node:path/posix";
import { DiskError, type ConfinedDisk } from "#base/env/disk.ts";

export interface Confining {
  readonly disk: ConfinedDisk;
  readonly isLink: (path: string) => boolean;
}

/** Refuses what a link below the root leads to; without following any, so none that stays inside either. */
export function confineTo(root: string, { disk, isLink }: Confining): ConfinedDisk {
  const problem = (action: string, path: string): DiskError | undefined => {
    if (path !== root && !path.startsWith(`${root}/`)) return new DiskError("EXDEV", action, path);
    for (let at = path; at.length > root.length; at = dirname(at))
      if (isLink(at)) return new DiskError("ELOOP", action, at);
    return undefined;
  };
  const guarded = async <T>(found: DiskError | undefined, work: () => Promise<T>): Promise<T> => {
    if (found !== undefined) throw found;
    return work();
  };
  return {
    read: (path) => guarded(problem("read", path), () => disk.read(path)),
    stat: (path) => guarded(problem("stat", dirname(path)), () => disk.stat(path)),
    replace: (path, data, options) => guarded(problem("write", dirname(path)), () => disk.replace(path, data, options)),
    makeDir: (path, options) => guarded(problem("create folder", path), () => disk.makeDir(path, options)),
  };
}
