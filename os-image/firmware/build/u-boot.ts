import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { IMAGE_TIME_S } from "../../oci/archive.ts";
import type { Build } from "../recipe/recipe.ts";
import { BOOT_PACKAGES, grubEnvironment, kernelParameters, NEW_ENVIRONMENT } from "./grub.ts";
import type { Workshop } from "./workshop.ts";

/** What the firmware of a Raspberry Pi reads (https://www.raspberrypi.com/documentation/computers/configuration.html#boot-folder-contents). */
const FIRMWARE = ["bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"];
const FIRMWARE_FOLDER = "usr/lib/raspi-firmware";
/** One for every board with 64 bits. */
const U_BOOT = "usr/lib/u-boot/rpi_arm64/u-boot.bin";
/** The firmware's own names for boards that the kernel calls by their processor. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  "bcm2837-rpi-3-b.dtb": "bcm2710-rpi-3-b.dtb",
  "bcm2837-rpi-3-b-plus.dtb": "bcm2710-rpi-3-b-plus.dtb",
  "bcm2837-rpi-cm3-io3.dtb": "bcm2710-rpi-cm3.dtb",
  "bcm2837-rpi-zero-2-w.dtb": "bcm2710-rpi-zero-2-w.dtb",
};

/** The folder that becomes the boot partition of a Raspberry Pi: its firmware, U-Boot, the script, the environment. */
export async function layOutPiPartition(workshop: Workshop, build: Build, script: string): Promise<Result<void>> {
  const { work } = workshop;
  const folder = join(work, "esp");
  const packages = join(work, BOOT_PACKAGES);
  await mkdir(join(folder, "grub"), { recursive: true });
  const parts = [...FIRMWARE.map((name) => join(FIRMWARE_FOLDER, name)), U_BOOT];
  for (const part of parts) {
    if (!existsSync(join(packages, part)))
      return fail("os_boot_file", `boot_packages bring no /${part}`, "name raspi-firmware and u-boot-rpi there");
    await copyFile(join(packages, part), join(folder, part.split("/").at(-1) ?? ""));
  }
  const trees = join(work, "kernel/dtbs/broadcom");
  for (const name of await readdir(trees)) {
    await copyFile(join(trees, name), join(folder, name));
    const other = OTHER_NAMES[name];
    if (other !== undefined) await copyFile(join(trees, name), join(folder, other));
  }
  const settings = await readFile(join(build.folder, "files/config.txt"), "utf8");
  await writeFile(join(folder, "config.txt"), settings.replaceAll("\n", "\r\n"));
  const text = script.replaceAll("@KERNEL_PARAMETERS@", kernelParameters(build));
  await writeFile(join(folder, "boot.scr"), uBootScript(text, IMAGE_TIME_S));
  await writeFile(join(folder, "grub/grubenv"), grubEnvironment(NEW_ENVIRONMENT));
  return succeed(undefined);
}

const MAGIC = 0x27051956;
const HEADER_BYTES = 64;
/** Numbers of U-Boot's include/image.h. */
const [OS_LINUX, CPU_ARM64, TYPE_SCRIPT] = [5, 22, 6];

/** A script as U-Boot's older image format holds it (include/image.h there): a header, and lengths before the text. */
export function uBootScript(text: string, time: number): Uint8Array {
  const body = Buffer.from(text);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(body.length, 0);
  const data = Buffer.concat([lengths, body]);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(time, 8);
  header.writeUInt32BE(data.length, 12);
  header.writeUInt32BE(crc32(data), 24);
  header.set([OS_LINUX, CPU_ARM64, TYPE_SCRIPT, 0], 28);
  header.write("Lares: chooses a slot", 32, "latin1");
  header.writeUInt32BE(crc32(header), 4);
  return Buffer.concat([header, data]);
}
