import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Kills the etcd of one node of a lab; its agent starts it again. */
export function killEtcd(labFolder: string, name: string): void {
  const folder = `--data-dir=${join(labFolder, name, "data/etcd")}`;
  for (const pid of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(folder))
        process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}
