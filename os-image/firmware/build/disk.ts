import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Build, DiskSizes } from "../recipe/recipe.ts";
import { PARTITION_TYPES, SECTOR, writeGpt, type Partition } from "./gpt.ts";
import type { Grub } from "./grub.ts";

const MIB = 1024 * 1024;
const SECTORS_PER_MIB = MIB / SECTOR;
/** GRUB's second stage lies between the table and the first mebibyte. */
export const CORE_SECTOR = 34;
const BOOT = 2;
/** For the table at the end. */
const TAIL_MIB = 1;

export interface DiskFiles {
  readonly work: string;
  readonly build: Build;
  /** For PCs without UEFI. */
  readonly grub: Grub | undefined;
  /** Changes the ids of disk and partitions. */
  readonly seed: string;
}

/** Partitions of a new disk. Each has its number for good: GRUB, the first stage and RAUC know them by it. */
export function partitionsOf({ boot, kernel, slot }: DiskSizes): readonly Partition[] {
  let next = SECTORS_PER_MIB;
  const take = (name: string, type: string, mebibytes: number): Partition => {
    const first = next;
    next += mebibytes * SECTORS_PER_MIB;
    return { name, type, first, last: next - 1 };
  };
  const { biosBoot, esp, linux } = PARTITION_TYPES;
  return [
    { name: "lares-grub", type: biosBoot, first: CORE_SECTOR, last: SECTORS_PER_MIB - 1 },
    take("lares-boot", esp, boot),
    take("lares-kernel-a", linux, kernel),
    take("lares-kernel-b", linux, kernel),
    take("lares-root-a", linux, slot),
    take("lares-root-b", linux, slot),
  ];
}

/** Writes `disk.img`: sparse, with slot A filled and slot B empty. */
export async function writeDisk({ work, build, grub, seed }: DiskFiles): Promise<Result<string>> {
  const partitions = partitionsOf(build.disk);
  const end = Math.max(...partitions.map((each) => each.last)) + 1 + TAIL_MIB * SECTORS_PER_MIB;
  // The first loader of a Raspberry Pi 3 knows the table of the old kind only.
  const fat = build.target.bootloader === "u-boot" ? partitions[BOOT - 1] : undefined;
  const { head, tail } = writeGpt(partitions, end, { seed, fat });
  const path = join(work, "disk.img");
  const disk = await open(path, "w");
  try {
    await disk.truncate(end * SECTOR);
    await disk.write(head, 0, head.length, 0);
    if (grub !== undefined) {
      // The table of the old kind stays; GRUB's code ends before it.
      await disk.write(grub.boot, 0, 440, 0);
      await disk.write(grub.core, 0, grub.core.length, CORE_SECTOR * SECTOR);
    }
    await disk.write(tail, 0, tail.length, end * SECTOR - tail.length);
    for (const [number, file] of [
      [BOOT, "esp.img"],
      [3, "kernel.img"],
      [5, "root.img"],
    ] as const) {
      const partition = partitions[number - 1];
      if (partition === undefined) continue;
      const room = (partition.last - partition.first + 1) * SECTOR;
      const { size } = await stat(join(work, file));
      if (size > room)
        return fail(
          "os_too_big",
          `${file} has ${size} bytes; its partition ${partition.name} has ${room}`,
          "drop packages, or enlarge it in disk { }",
        );
      await copyInto(disk, partition.first * SECTOR, join(work, file));
    }
    await disk.sync();
  } finally {
    await disk.close();
  }
  return succeed(path);
}

const CHUNK = 4 * MIB;

/** Zeros are left out, so that the file stays sparse. */
async function copyInto(disk: Awaited<ReturnType<typeof open>>, offset: number, path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    const chunk = Buffer.alloc(CHUNK);
    for (let at = offset; ;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK);
      if (bytesRead === 0) return;
      const part = chunk.subarray(0, bytesRead);
      if (part.some((byte) => byte !== 0)) await disk.write(part, 0, bytesRead, at);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}
