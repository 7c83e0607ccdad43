import type { ConfinedDisk, Disk } from "#base/env/disk.ts";

/**
 * What `file` reads: a path in an allocation's folder never leads out of it, whatever its task made of the way since the
 * template asked.
 */
export function allocFiles(disk: Disk, allocsRoot: string): Pick<ConfinedDisk, "read" | "stat"> {
  const of = (path: string): Pick<ConfinedDisk, "read" | "stat"> => {
    if (!path.startsWith(`${allocsRoot}/`)) return disk;
    const [alloc = ""] = path.slice(allocsRoot.length + 1).split("/");
    return disk.confine(`${allocsRoot}/${alloc}`);
  };
  return { read: (path) => of(path).read(path), stat: (path) => of(path).stat(path) };
}
