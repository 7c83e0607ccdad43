import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { sourceRoot } from "#base/platform/embedded/files.ts";

/** What is built once per machine for tests, and kept: a folder of this name, which `make` fills as `made` in a folder of its own. */
export function madeOnce(room: string, name: string, make: (work: string, made: string) => void): string {
  const cache = join(sourceRoot(), "node_modules/.cache", room);
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "making-"));
  try {
    const made = join(work, "made");
    mkdirSync(made);
    make(work, made);
    // Another run may have been faster.
    if (!existsSync(folder)) renameSync(made, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

/** Lists of packages that are absent or out of date are the usual reason why something cannot be fetched. */
export function withFreshLists<T>(make: () => T): T {
  try {
    return make();
  } catch {
    execFileSync("apt-get", ["-qq", "-o", "Acquire::Retries=3", "update"], { stdio: ["ignore", "ignore", "inherit"] });
    return make();
  }
}

/** Name of the package with the newest kernel of a kind, such as `linux-image-cloud-amd64`. */
export function newestKernel(kind: string, options: readonly string[] = []): string {
  const said = execFileSync("apt-cache", [...options, "depends", kind], { encoding: "utf8" });
  const newest = /Depends: (linux-image-\S+)/.exec(said)?.[1];
  if (newest === undefined) throw new Error(`apt knows no ${kind}: run apt-get update`);
  return basename(newest);
}
