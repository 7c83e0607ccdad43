import { mkdirSync, readFileSync } from "node:fs";
import { CodedError } from "#base/env/errors.ts";
import type { Exec } from "#base/env/exec.ts";
import { parseSize } from "#base/language/size.ts";
import { UsageError } from "../command/command.ts";
import type { LabNode } from "./lab-file.ts";

/** An etcd member's log alone is laid out in files of 64 MB, two at a time. */
const LEAST_BYTES = 256e6;

/** 0: none were asked for. */
export function diskSize(text: string | undefined): number {
  if (text === undefined) return 0;
  const read = parseSize(text);
  if (!read.ok || read.value < LEAST_BYTES) throw new UsageError(`-disk takes a size from 256MB up, not "${text}"`);
  if (process.getuid?.() !== 0) throw new CodedError("lab", "disks of their own take root", "leave out -disk");
  return read.value;
}

/** The node's folder; with a size of its own it is a file system in memory. */
export async function makeDisk(exec: Exec, { dir }: Pick<LabNode, "dir">, bytes: number): Promise<void> {
  mkdirSync(dir, { recursive: true });
  if (bytes === 0) return;
  const ran = await exec.run(["mount", "-t", "tmpfs", "-o", `size=${bytes}`, "lares-lab", dir]);
  if (ran.code !== 0) throw new CodedError("lab", `no disk could be made at ${dir}: ${ran.stderr.trim()}`);
}

/** Never fails. */
export async function unmakeDisk(exec: Exec, { dir }: Pick<LabNode, "dir">): Promise<void> {
  // Lazily: what ran there may take a moment longer to end.
  await exec.run(["umount", "-R", "-l", "--", dir]);
}

/** What agents mounted below a node's folder, for secrets of tasks, goes with it. Never fails. */
export async function unmountBelow(exec: Exec, { dir }: Pick<LabNode, "dir">): Promise<void> {
  const points = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .flatMap((line) => line.split(" ")[1] ?? [])
    .filter((point) => point.startsWith(`${dir}/`));
  for (const point of points.toReversed()) await exec.run(["umount", "-l", "--", point]);
}
