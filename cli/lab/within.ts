import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { assert } from "#base/env/assert.ts";
import { beganAt, type LabNode } from "./lab-file.ts";

/** A process of a node that outlives this program. */
export interface Launched {
  readonly pid: number;
  readonly began: string;
}

/**
 * Mounts of their own: /sys shows the node's network devices, not the machine's, and the control groups stay where everybody looks
 * for them. `ip netns exec` would hide those, and without them no container runs.
 */
const OWN_MOUNTS = `set -e
mkdir -p "$0"
mount --rbind /sys/fs/cgroup "$0"
mount -t sysfs sysfs /sys
mount --rbind "$0" /sys/fs/cgroup
umount -R -l "$0"
rmdir "$0"
exec "$@"`;

/** Starts a program in the node's network, its output going into a file of the node's folder. `beside`: it sees the mounts of that process. */
export function launchWithin(node: LabNode, { argv, log, env, beside }: WithinOptions): Launched {
  const [program, ...args] = [...way(node, beside), ...argv];
  assert(program !== undefined, "a program has a name");
  const output = openSync(join(node.dir, log), "a");
  try {
    const child = spawn(program, args, { detached: true, stdio: ["ignore", output, output], env });
    child.on("error", () => undefined);
    child.unref();
    const pid = child.pid ?? 0;
    return { pid, began: beganAt(pid) };
  } finally {
    closeSync(output);
  }
}

export interface WithinOptions {
  readonly argv: readonly string[];
  readonly log: string;
  readonly env: NodeJS.ProcessEnv;
  readonly beside?: number | undefined;
}

function way({ namespace, dir }: LabNode, beside: number | undefined): readonly string[] {
  if (namespace === "") return [];
  if (beside !== undefined) return ["nsenter", `--target=${beside}`, "--net", "--mount", "--"];
  const own = ["unshare", "--mount", "--propagation=slave", "sh", "-c", OWN_MOUNTS, join(dir, "cgroup")];
  return ["nsenter", `--net=/run/netns/${namespace}`, "--", ...own];
}
