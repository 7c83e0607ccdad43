import { dirname, join } from "node:path/posix";
import * as v from "valibot";
import type { TaskStart } from "../driver.ts";
import { cgroupName } from "../process/cgroup.ts";

/** Where QEMU works: sockets and files of one attempt, out of the tasks' sight. Names in it are short: a socket's path may have 107 bytes. */
export function runFolder(task: TaskStart): string {
  return join(dirname(task.paths.allocDir), ".qemu", cgroupName(task.id));
}

/** Names in the run folder; QEMU is told them as they are, since it starts there. */
export const RUN_FILES = {
  monitor: "monitor.sock",
  console: "console.sock",
  agent: "agent.sock",
  exitCode: "exit-code",
  seed: "seed.iso",
  env: "env",
  vncPassword: "vnc-password",
  dhcp: "dhcp.conf",
} as const;

/** What a guest that was saved on stop is found under, in its disks. */
export const SNAPSHOT = "lares-stop";

/** What a guest's handle holds beside its process. */
export const GuestStateSchema = v.object({
  pid: v.number(),
  startTicks: v.number(),
  exitPath: v.string(),
  cgroup: v.string(),
  folder: v.string(),
  stderrPath: v.string(),
  hasAgent: v.boolean(),
  isGraceful: v.boolean(),
  savesOnStop: v.boolean(),
  /** Interface of the node that goes with the guest; empty: none. */
  tap: v.string(),
});
export type GuestState = v.InferOutput<typeof GuestStateSchema>;
