import type { Disk } from "#base/env/disk.ts";

/** A disk of which some calls do something else. */
export function changedDisk(disk: Disk, changed: Partial<Disk>): Disk {
  return {
    read: (path) => disk.read(path),
    readAt: (path, offset, length) => disk.readAt(path, offset, length),
    replace: (path, data, options) => disk.replace(path, data, options),
    openAppend: (path, options) => disk.openAppend(path, options),
    truncate: (path, size) => disk.truncate(path, size),
    stat: (path) => disk.stat(path),
    resolve: (path) => disk.resolve(path),
    list: (path) => disk.list(path),
    makeDir: (path, options) => disk.makeDir(path, options),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    readLink: (path) => disk.readLink(path),
    symlink: (target, path) => disk.symlink(target, path),
    setMode: (path, mode) => disk.setMode(path, mode),
    setOwner: (path, uid, gid) => disk.setOwner(path, uid, gid),
    space: (path) => disk.space(path),
    confine: (root) => disk.confine(root),
    ...changed,
  };
}
