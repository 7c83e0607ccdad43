import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "#base/env/assert.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import type { Build } from "../recipe/recipe.ts";
import { SECTOR } from "./gpt.ts";
import type { Workshop } from "./workshop.ts";

/** Everything the configuration uses, so that nothing is loaded from a disk. */
const MODULES = [
  "part_gpt",
  "fat",
  "squash4",
  "normal",
  "configfile",
  "linux",
  "loadenv",
  "test",
  "echo",
  "regexp",
  "probe",
  "search",
  "reboot",
  "halt",
  "sleep",
  "serial",
  "terminal",
  "all_video",
  "gzio",
  "ls",
  "cat",
  "minicmd",
  "true",
];
const PC_MODULES = ["biosdisk", "linux16", "vga", "vga_text", "at_keyboard"];
/** What GRUB is called where: its name for the platform, the file that firmware looks for, modules, and where those lie. */
const EFI = {
  amd64: {
    platform: "x86_64-efi",
    file: "BOOTX64.EFI",
    modules: ["efi_gop", "efi_uga"],
    folder: "/usr/lib/grub/x86_64-efi",
  },
  // Of the other processor's package, and named by the recipe: the tools have only those they can run.
  arm64: {
    platform: "arm64-efi",
    file: "BOOTAA64.EFI",
    modules: ["efi_gop"],
    folder: "/making/boot-packages/usr/lib/grub/arm64-efi",
  },
} as const;
/** In the work folder: what the target's boot packages hold. */
export const BOOT_PACKAGES = "boot-packages";
/** With UEFI the serial line is a console of the firmware's own. */
const TERMINALS = {
  amd64: "serial --unit=0 --speed=115200\nterminal_input console serial\nterminal_output console serial",
  arm64: "",
} as const;
const ENV_BYTES = 1024;
/** Of a disk that was never started. */
export const NEW_ENVIRONMENT = { ORDER: "A B", A_OK: "1", B_OK: "0", A_TRY: "0", B_TRY: "0" } as const;
/** boot.img and diskboot.img of GRUB: where their own places are written (grub-core/boot/i386/pc/{boot,diskboot}.S). */
const KERNEL_SECTOR_AT = 0x5c;
const DRIVE_CHECK_AT = 0x66;
const BLOCKLIST_AT = SECTOR - 12;
const BLOCKLIST_SEGMENT = 0x820;

export interface Grub {
  /** Code of the disk's first sector. */
  readonly boot: Uint8Array;
  /** What that loads, to lie at `coreSector`. */
  readonly core: Uint8Array;
}

/** GRUB for BIOS. Configuration and environment are on the second partition of the disk it was started from. */
export async function makeBiosGrub(workshop: Workshop, coreSector: number): Promise<Result<Grub>> {
  const made = await workshop.run([
    "grub-mkimage",
    "-O",
    "i386-pc",
    "-o",
    "/making/core.img",
    "-p",
    "(,gpt2)/grub",
    ...MODULES,
    ...PC_MODULES,
  ]);
  if (!made.ok) return made;
  const copied = await workshop.run(["cp", "/usr/lib/grub/i386-pc/boot.img", "/making/boot.img"]);
  if (!copied.ok) return copied;
  const boot = await readFile(join(workshop.work, "boot.img"));
  const core = await readFile(join(workshop.work, "core.img"));
  assert(boot.length === SECTOR, "GRUB's boot.img is one sector");
  boot.writeBigUInt64LE(BigInt(coreSector), KERNEL_SECTOR_AT);
  // As grub-bios-setup does on hard disks: some BIOS hand over a wrong drive number.
  boot.set([0x90, 0x90], DRIVE_CHECK_AT);
  core.writeBigUInt64LE(BigInt(coreSector + 1), BLOCKLIST_AT);
  core.writeUInt16LE(Math.ceil(core.length / SECTOR) - 1, BLOCKLIST_AT + 8);
  core.writeUInt16LE(BLOCKLIST_SEGMENT, BLOCKLIST_AT + 10);
  return succeed({ boot, core });
}

/** The folder that becomes the boot partition: GRUB for UEFI, its configuration and its environment. */
export async function layOutBootPartition(workshop: Workshop, build: Build, config: string): Promise<Result<void>> {
  const folder = join(workshop.work, "esp");
  await mkdir(join(folder, "EFI/BOOT"), { recursive: true });
  await mkdir(join(folder, "grub"), { recursive: true });
  await writeFile(join(folder, "grub/grub.cfg"), grubConfig(build, config));
  await writeFile(join(folder, "grub/grubenv"), grubEnvironment(NEW_ENVIRONMENT));
  const { file } = efiPlatform(build);
  const made = await makeEfiGrub(workshop, build, {
    output: `/making/esp/EFI/BOOT/${file}`,
    prefix: "/grub",
    modules: MODULES,
  });
  return made.ok ? succeed(undefined) : made;
}

interface EfiGrubOptions {
  readonly output: string;
  readonly prefix: string;
  readonly modules: readonly string[];
  /** File with commands that are run first. */
  readonly early?: string;
}

/** GRUB for UEFI, as one file. */
export function makeEfiGrub(workshop: Workshop, build: Build, options: EfiGrubOptions): Promise<Result<string>> {
  const { platform, folder, modules } = efiPlatform(build);
  const { output, prefix, early } = options;
  const first = early === undefined ? [] : ["-c", early];
  const wanted = [...options.modules, ...modules];
  return workshop.run(["grub-mkimage", "-O", platform, "-d", folder, ...first, "-o", output, "-p", prefix, ...wanted]);
}

export function efiPlatform({ target }: Build) {
  return EFI[target.architecture];
}

/** Debian's list without those that nothing here uses; each is asked at every call, and systemd loads a program into one of them. */
const LSM = "lsm=lockdown,landlock,yama,apparmor";

export function kernelParameters({ target }: Build): string {
  const consoles = target.consoles.map((each) => `console=${each}`);
  // `gpt`: when power failed while the first table was written, the second at the disk's end is read.
  return [...consoles, "quiet", "loglevel=4", LSM, "panic=10", "gpt", "ro"].join(" ");
}

function grubConfig(build: Build, text: string): string {
  return text
    .replaceAll("@KERNEL_PARAMETERS@", kernelParameters(build))
    .replaceAll("@TERMINALS@", terminals(build))
    .replaceAll("@TIMEOUT@", "1");
}

/** Commands that put menus on the serial line. */
export function terminals({ target }: Build): string {
  return TERMINALS[target.architecture];
}

/** https://www.gnu.org/software/grub/manual/grub/html_node/Environment-block.html */
export function grubEnvironment(variables: Readonly<Record<string, string>>): string {
  const lines = Object.entries(variables).map(([key, value]) => `${key}=${value}\n`);
  return `# GRUB Environment Block\n${lines.join("")}`.padEnd(ENV_BYTES, "#");
}
