import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { partitionsOf } from "#os-image/firmware/build/disk.ts";
import { SECTOR } from "#os-image/firmware/build/gpt.ts";
import type { Stage } from "./case.ts";
import { Machine, type MachineOptions } from "./machine.ts";
import { RecordedDisk, type DiskEvent } from "./nbd.ts";

const MIB = 1024 ** 2;
/** Room for data of half a gigabyte: what is looked through after each cut. */
export const SIZE = 1792 * MIB;
/** From power on until the first stage has said which slot and whether there is data. */
const FIRST_STAGE_MS = 300_000;

export interface Recording {
  /** The disk as the recording finds it; it is written to. */
  readonly path: string;
  readonly machine?: Partial<MachineOptions>;
  /** Switched on, with `disk.isRecording` false. */
  readonly work: (machine: Machine, disk: RecordedDisk) => Promise<void>;
}

/** Everything that is written to the disk while the work wants it recorded, and where the machine waited until it was. */
export async function record(
  { bench }: Stage,
  { path, machine: more, work }: Recording,
): Promise<readonly DiskEvent[]> {
  const disk = new RecordedDisk(path, SIZE);
  const socket = join(bench.folder, "disk.sock");
  rmSync(socket, { force: true });
  await disk.listen(socket);
  const live = {
    folder: bench.folder,
    name: "live",
    disk: `nbd:unix:${socket}`,
    format: "raw",
    cache: "writeback",
  } as const;
  const machine = new Machine({ ...live, ...more });
  try {
    await work(machine, disk);
  } finally {
    await machine.cut();
    disk.close();
  }
  return disk.events;
}

/** @returns the text of a file of the data partition, whose root is /var; empty: there is none */
export function fileOfData(disk: string, file: string): string {
  return withData(disk, (image) =>
    spawnSync("debugfs", ["-R", `cat ${file}`, image], { encoding: "utf8" }).stdout.trim(),
  );
}

/** Copies a folder of the data partition, whose root is /var, into another. */
export function folderOfData(disk: string, folder: string, to: string): void {
  withData(disk, (image) => execFileSync("debugfs", ["-R", `rdump ${folder} ${to}`, image], { stdio: "ignore" }));
}

/** As the first stage looks at it: what the journal holds is put in place, and the rest is whole. */
function withData<T>(disk: string, work: (image: string) => T): T {
  const copy = `${disk}.data`;
  const last = partitionsOf({ boot: 64, kernel: 48, slot: 512 }).at(-1)?.last ?? 0;
  // In a file of its own: e2fsck loses an offset when it opens the disk again after the journal.
  const skip = `skip=${((last + 1) * SECTOR) / MIB}`;
  execFileSync("dd", [`if=${disk}`, `of=${copy}`, "bs=1M", skip, "conv=sparse", "status=none"]);
  try {
    const checked = spawnSync("e2fsck", ["-p", "-f", copy], { encoding: "utf8" });
    assert.ok((checked.status ?? 8) < 4, `e2fsck: ${checked.stdout}${checked.stderr}`);
    return work(copy);
  } finally {
    rmSync(copy);
  }
}

/** A copy of the disk that may be written to. */
export function copyOf(disk: string, name: string): string {
  const copy = join(disk, "..", `${name}.img`);
  execFileSync("cp", ["--sparse=always", disk, copy]);
  return copy;
}

/** Switches on, and off as soon as the first stage has said what it found. @returns the slot; throws where data is missing */
export async function startsAs(stage: Stage, disk: string): Promise<string> {
  // One processor: of two that QEMU emulates on a busy machine one can lose its timer, and the kernel waits for it for ever.
  const machine = new Machine({ folder: stage.bench.folder, name: "point", disk, format: "raw", processors: 1 });
  await machine.start();
  try {
    await machine.whenShown(/lares: slot [AB], .*data/, FIRST_STAGE_MS);
    const [, slot = "", data = ""] = /lares: slot ([AB]), \S+, (.*)/.exec(machine.transcript()) ?? [];
    assert.equal(data.trim(), "data on disk");
    return slot;
  } finally {
    await machine.cut();
  }
}
