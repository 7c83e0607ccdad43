import { readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import type { FileAccess } from "#base/language/hcl/functions/file.ts";

/** Files one call of `fileset` looks at; beyond that it was given the wrong folder. */
const MAX_FILES = 10_000;

/** Files as a job file sees them: relative paths start at its folder. */
export function fileAccess(folder: string): FileAccess {
  const at = (path: string): string => (isAbsolute(path) ? path : resolve(folder, path));
  return {
    read: (path) => readIfThere(at(path)),
    list: (path) => filesBelow(at(path)),
    absolute: (path) => resolve(path),
    home: homedir,
  };
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function filesBelow(root: string): readonly string[] | undefined {
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  const found: string[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile() || isLinkedFile(join(root, path))) found.push(path);
      if (found.length > MAX_FILES) throw new Error(`there are more than ${MAX_FILES} files below ${root}`);
    }
  }
  return found;
}

function isLinkedFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
