import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import type { Disk } from "#base/env/disk.ts";
import { createEnv } from "#base/platform/create-env.ts";

/** A file's text, a link's target (`-> /where`), or a folder (`/`). */
export type Tree = Readonly<Record<string, string>>;

/** Writes a tree below `root`; links from the root stay inside. */
export function plant(root: string, tree: Tree): void {
  for (const [path, content] of Object.entries(tree)) {
    const place = `${root}${path}`;
    mkdirSync(dirname(place), { recursive: true });
    rmSync(place, { recursive: true, force: true });
    if (content === "/") mkdirSync(place, { recursive: true });
    else if (content.startsWith("-> ")) {
      const target = content.slice(3);
      symlinkSync(target.startsWith("/") ? relative(dirname(place), `${root}${target}`) : target, place);
    } else writeFileSync(place, content);
  }
}

/** Reads below `root` as if it were the machine's own root. */
export function diskBelow(root: string): Disk {
  const { disk } = createEnv({ logToStderr: false });
  const top = realpathSync(root);
  return {
    ...disk,
    read: (path) => disk.read(top + path),
    readAt: (path, offset, length) => disk.readAt(top + path, offset, length),
    stat: (path) => disk.stat(top + path),
    list: (path) => disk.list(top + path),
    makeDir: (path, options) => disk.makeDir(top + path, options),
    replace: (path, data, options) => disk.replace(top + path, data, options),
    space: () => disk.space(top),
    resolve: async (path) => {
      const found = await disk.resolve(top + path);
      return found === undefined || !found.startsWith(`${top}/`) ? undefined : found.slice(top.length);
    },
  };
}
