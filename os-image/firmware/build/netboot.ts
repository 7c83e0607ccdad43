import { appendFile, copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { succeed, type Result } from "#base/env/errors.ts";
import { IMAGE_TIME_S } from "../../oci/archive.ts";
import { packCpio } from "./cpio.ts";
import type { Build } from "../recipe/recipe.ts";
import { efiPlatform, kernelParameters, makeEfiGrub, terminals } from "./grub.ts";
import type { OutputOptions } from "./output-options.ts";
import { PLAIN_KERNEL } from "./slot.ts";

const FILE = 0o100644;
const MIB = 1024 * 1024;
/** So that the medium is found whatever it was started by. */
const EARLY = "search --no-floppy --set=root --file /lares/vmlinuz\nset prefix=($root)/boot/grub\n";
const MODULES =
  "part_gpt part_msdos fat iso9660 normal configfile linux test echo search search_fs_file serial terminal all_video gzio ls minicmd true reboot";

/** Kernel, first file system with the slot's root in it, and the script of iPXE (https://ipxe.org/scripting). */
export async function writePxe(name: string, { build, built }: OutputOptions): Promise<Result<readonly string[]>> {
  const { work } = built.workshop;
  const [kernel, initrd, script] = ["vmlinuz", "initrd", "ipxe"].map((end) => join(work, `${name}.${end}`));
  if (kernel === undefined || initrd === undefined || script === undefined) return succeed([]);
  await copyFile(join(work, PLAIN_KERNEL), kernel);
  const first = await readFile(join(work, "kernel/initrd"));
  // Several archives may follow each other, each at a multiple of four.
  await writeFile(initrd, Buffer.concat([first, Buffer.alloc((4 - (first.length % 4)) % 4)]));
  await appendFile(
    initrd,
    packCpio([{ path: "root.img", mode: FILE, data: await readFile(built.root) }], IMAGE_TIME_S),
  );
  const lines = [
    "#!ipxe",
    `kernel ${name}.vmlinuz initrd=${name}.initrd ${kernelParameters(build)}`,
    `initrd ${name}.initrd`,
    "boot",
    "",
  ];
  await writeFile(script, lines.join("\n"));
  return succeed([kernel, initrd, script]);
}

/** Starts by BIOS and UEFI from a disc or a stick, and writes the system onto a disk. */
export async function writeIso(
  name: string,
  { build, built, folder: outputs, kinds }: OutputOptions,
): Promise<Result<readonly string[]>> {
  const { workshop, disk } = built;
  const { work } = workshop;
  const folder = join(work, "iso");
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, "lares"), { recursive: true });
  await mkdir(join(folder, "boot/grub"), { recursive: true });
  await copyFile(join(work, "kernel/vmlinuz"), join(folder, "lares/vmlinuz"));
  await copyFile(join(work, "kernel/initrd"), join(folder, "lares/initrd"));
  await writeFile(join(folder, "lares/size"), `${Math.ceil((await stat(disk)).size / MIB)}\n`);
  await writeFile(join(folder, "boot/grub/grub.cfg"), isoMenu(build));
  await writeFile(join(work, "early.cfg"), EARLY);
  const iso = `${name}.iso`;
  // Packing takes the longest of all; the same bytes were packed for the disk image already.
  const packed = join(outputs, `${name}.img.xz`);
  if (kinds.includes("raw")) await copyFile(packed, join(folder, "lares/disk.img.xz"));
  const date = new Date(IMAGE_TIME_S * 1000).toISOString().replaceAll(/\D/g, "").slice(0, 16);
  const grub = await makeEfiGrub(workshop, build, {
    output: "/making/efi.bin",
    prefix: "/boot/grub",
    modules: MODULES.split(" "),
    early: "/making/early.cfg",
  });
  if (!grub.ok) return grub;
  const made = await workshop.run(["sh", "-ec", isoScript(build, iso, date)]);
  return made.ok ? succeed([join(work, iso)]) : made;
}

function isoMenu(build: Build): string {
  const parameters = kernelParameters(build);
  const entry = (title: string, wish: string): string =>
    `menuentry "${title}" {\n  linux /lares/vmlinuz lares.install${wish} ${parameters}\n  initrd /lares/initrd\n}\n`;
  return [
    `insmod all_video\n${terminals(build)}\n`,
    entry("Install Lares: ask for the disk", ""),
    entry("Install Lares on the only disk there is", "=auto"),
    "set timeout=10\nset default=0\n",
  ].join("");
}

/** Only PCs have a BIOS. */
const BIOS_PROGRAM = `grub-mkimage -O i386-pc-eltorito -c early.cfg -p /boot/grub -o iso/boot/eltorito.img biosdisk ${MODULES} vga vga_text at_keyboard`;
const BIOS_OPTIONS =
  "--grub2-mbr /usr/lib/grub/i386-pc/boot_hybrid.img -b boot/eltorito.img -c boot/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info -eltorito-alt-boot";

function isoScript(build: Build, iso: string, date: string): string {
  const bios = build.target.architecture === "amd64";
  const { file } = efiPlatform(build);
  return `cd /making
[ -e iso/lares/disk.img.xz ] || xz -T2 -0 --block-size=24MiB -c disk.img > iso/lares/disk.img.xz
${bios ? BIOS_PROGRAM : ""}
rm -f efi.img; truncate -s 4M efi.img
mkfs.fat --invariant -i 4c415246 -n LARES-EFI efi.img >/dev/null
touch -d @$SOURCE_DATE_EPOCH efi.bin
mmd -i efi.img ::EFI ::EFI/BOOT
mcopy -m -i efi.img efi.bin ::EFI/BOOT/${file}
find iso -exec touch -h -d @$SOURCE_DATE_EPOCH {} +
rm -f ${iso}
xorriso -as mkisofs -quiet -R -J -V LARES-INSTALL -o ${iso} --modification-date=${date} ${bios ? BIOS_OPTIONS : ""} \\
  -e --interval:appended_partition_2:all:: -no-emul-boot -append_partition 2 0xef efi.img iso
rm -rf iso efi.img efi.bin early.cfg`;
}
