import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";

/** Removes a folder with all it holds, also what an agent that was killed left mounted in it. */
export function removeFolder(dir: string): void {
  const paths = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => line.split(" ")[4] ?? [])
    .filter((path) => path.startsWith(`${dir}/`));
  if (paths.length > 0) spawnSync("umount", ["-n", "-l", "--", ...paths.toReversed()]);
  rmSync(dir, { recursive: true, force: true });
}
