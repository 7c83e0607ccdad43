import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CodedError } from "#base/env/errors.ts";
import type { LabNode } from "./lab-file.ts";
import { agentOf } from "./processes.ts";

/** Where the first version of control groups has its disks (blkio, https://docs.kernel.org/admin-guide/cgroup-v1/blkio-controller.html). */
const BLKIO = "/sys/fs/cgroup/blkio";

/** All that the agent and its etcd write takes its turn: so many operations a second. What else the node runs is left alone. */
export function slowDisk(node: LabNode, writesPerSecond: number): void {
  if (process.getuid?.() !== 0 || !existsSync(join(BLKIO, "blkio.throttle.write_iops_device")))
    throw new CodedError(
      "lab",
      "this machine has no blkio control group that one may use",
      "slow disks take root and control groups of the first version",
    );
  const group = groupOf(node);
  mkdirSync(group, { recursive: true });
  writeFileSync(join(group, "blkio.throttle.write_iops_device"), `${diskOf(node.dir)} ${writesPerSecond}\n`);
  moveInto(group, agentOf(node));
}

/** Never fails. */
export function quickDisk(node: LabNode): void {
  const group = groupOf(node);
  if (!existsSync(group)) return;
  const pids = readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  moveInto(dirname(group), pids);
  try {
    rmdirSync(group);
  } catch {
    // Something forked meanwhile: nothing holds it back.
    writeFileSync(join(group, "blkio.throttle.write_iops_device"), `${diskOf(node.dir)} 0\n`);
  }
}

function groupOf({ dir, name }: LabNode): string {
  // A folder names a lab; with the inode as its mark it is short.
  return join(BLKIO, `lares-lab-${statSync(dirname(dir)).ino}-${name}`);
}

function moveInto(group: string, pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      writeFileSync(join(group, "cgroup.procs"), String(pid));
    } catch {
      // It ended by itself.
    }
  }
}

/** The whole disk's major and minor number, of whatever partition the folder is on: throttling knows disks alone. */
function diskOf(folder: string): string {
  const device = statSync(folder).dev;
  const [major, minor] = [(device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00)];
  const at = `/sys/dev/block/${major}:${minor}`;
  if (major === 0 || !existsSync(at))
    throw new CodedError("lab", `${folder} is on no disk`, "build the lab in a folder that is, without -disk");
  const whole = existsSync(join(at, "partition")) ? join(at, "../dev") : join(at, "dev");
  return readFileSync(whole, "utf8").trim();
}
