import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { IMAGE_TIME_S } from "../../oci/archive.ts";
import type { Build } from "../recipe/recipe.ts";
import { fatImage } from "./fat.ts";
import { makeInitrd } from "./initrd.ts";
import { trimModules, type Kernel } from "./kernel-modules.ts";
import { squashRoot } from "./squash.ts";
import type { Workshop } from "./workshop.ts";

/** Kernel and first file system, to lie in the work folder's `kernel`; the kernel as it is, for starts over the network. */
export const PLAIN_KERNEL = "vmlinuz";

export interface SlotOptions {
  /** zstd's, 1 to 22. */
  readonly compression: number;
  readonly onProgress: (message: string) => void;
}

/** `root.img` and `kernel.img`: what a slot's two partitions hold. The tree loses its `/boot`. */
export async function packSlot(workshop: Workshop, build: Build, options: SlotOptions): Promise<Result<void>> {
  options.onProgress("the kernel");
  const tree = join(workshop.work, "tree");
  const wanted = build.roles.flatMap((role) => role.modules);
  const kernel = await trimModules(workshop, "tree", wanted);
  if (!kernel.ok) return kernel;
  const gathered = await gatherKernel(workshop, build, kernel.value);
  if (!gathered.ok) return gathered;
  await rm(join(tree, "boot"), { recursive: true, force: true });
  await mkdir(join(tree, "boot"));
  const packed = await packKernel(workshop, build);
  if (!packed.ok) return packed;
  options.onProgress("the slot");
  return packRoot(workshop, options.compression);
}

async function gatherKernel(workshop: Workshop, build: Build, kernel: Kernel): Promise<Result<void>> {
  const { work } = workshop;
  const tree = join(work, "tree");
  const initrd = await makeInitrd(workshop, {
    tree: "tree",
    kernel,
    modules: build.roles.flatMap((role) => role.initrd),
    init: await readFile(join(build.folder, "files/init.sh"), "utf8"),
    install: await readFile(join(build.folder, "files/install.sh"), "utf8"),
    epoch: IMAGE_TIME_S,
  });
  if (!initrd.ok) return initrd;
  const folder = join(work, "kernel");
  await mkdir(folder, { recursive: true });
  const places = kernelPlaces(kernel.version);
  const vmlinuz = places.kernel.map((path) => join(tree, path)).find((path) => existsSync(path));
  if (vmlinuz === undefined)
    return fail("os_kernel", `the kernel's package brings no /${places.kernel.join(", no /")}`);
  const bytes = await readFile(vmlinuz);
  await writeFile(join(work, PLAIN_KERNEL), bytes);
  await writeFile(join(folder, "initrd"), initrd.value);
  // GRUB unpacks it; U-Boot would need to be told where to.
  const shrinks = build.target.bootloader === "grub" && isPlainImage(bytes);
  await writeFile(join(folder, "vmlinuz"), shrinks ? gzipSync(bytes, { level: 9 }) : bytes);
  if (build.target.bootloader === "u-boot")
    for (const path of places.boards) await copyDeviceTrees(join(tree, path), folder);
  for (const path of [...places.kernel, ...places.boards, ...places.rest])
    await rm(join(tree, path), { recursive: true, force: true });
  return succeed(undefined);
}

/** Where Debian's packages have the kernel and the descriptions of boards: up to 6.12, and later. None of it stays in the slot. */
function kernelPlaces(version: string) {
  const later = `usr/lib/modules/${version}`;
  return {
    kernel: [`boot/vmlinuz-${version}`, `${later}/vmlinuz`],
    boards: [`usr/lib/linux-image-${version}`, `${later}/dtb`],
    rest: [`${later}/config`, `${later}/System.map`],
  };
}

/** Of arm64's kernel, which is not packed: https://docs.kernel.org/arch/arm64/booting.html#call-the-kernel-image */
export function isPlainImage(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(56, 60)).toString("latin1") === "ARMd";
}

/** Of the boards that are meant; each slot has those of its own kernel. */
async function copyDeviceTrees(from: string, to: string): Promise<void> {
  const folder = join(to, "dtbs/broadcom");
  await mkdir(folder, { recursive: true });
  const names = await readdir(join(from, "broadcom")).catch((): string[] => []);
  for (const name of names.filter((each) => /^bcm(2710|2711|2712|2837).*-rpi-.*\.dtb$/.test(each)).toSorted())
    await copyFile(join(from, "broadcom", name), join(folder, name));
}

/** As the loader can read it: GRUB knows squashfs, U-Boot FAT. */
async function packKernel(workshop: Workshop, build: Build): Promise<Result<unknown>> {
  if (build.target.bootloader === "u-boot") {
    const label = { name: "LARES-KRNL", id: "4c41524b" };
    return fatImage(workshop, { folder: "kernel", image: "kernel.img", mebibytes: build.disk.kernel, ...label });
  }
  // Without zstd, which GRUB does not know; both files are packed already.
  const plain = ["-noI", "-noD", "-noF", "-no-fragments"];
  return workshop.run(["mksquashfs", "/making/kernel", "/making/kernel.img", ...QUIET, "-all-root", ...plain]);
}

const QUIET = ["-noappend", "-no-progress", "-quiet", "-no-xattrs"];

async function packRoot(workshop: Workshop, level: number): Promise<Result<void>> {
  // For those who pack a changed tree, to have the same bytes where it is the same.
  await writeFile(join(workshop.work, "compression"), String(level));
  const root = await squashRoot(workshop, { tree: "tree", image: "root.img", level });
  return root.ok ? succeed(undefined) : root;
}
