import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { madeOnce } from "../made-once.ts";

/** Counts up with every change of what is built below. */
const RECIPE = 1;
const ARCHITECTURE = process.arch === "x64" ? "amd64" : "arm64";
const PACKAGES = [
  ..."systemd-sysv udev dbus kmod iproute2 cloud-init".split(" "),
  `linux-image-cloud-${ARCHITECTURE}`,
  "initramfs-tools",
];

export interface DebianDisk {
  readonly folder: string;
  /** One file system, without a boot sector. */
  readonly image: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** This machine's release of Debian on a disk, from its packages alone: its cloud kernel, systemd, and cloud-init as Debian sets it up. */
export function debianDisk(): DebianDisk {
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "stable";
  const folder = madeOnce("lares-guests", `debian-${release}-${ARCHITECTURE}-${RECIPE}`, (work, made) => {
    const run = (program: string, ...args: readonly string[]): void =>
      void execFileSync(program, args, { cwd: work, stdio: ["ignore", "ignore", "inherit"] });
    mkdirSync(join(work, "root"));
    // A machine whose clock is off can have a Debian, too: what it is made of is signed.
    const clock = ["Check-Valid-Until", "Check-Date"].map((name) => `--aptopt=Acquire::${name} "false"`);
    run("mmdebstrap", "--quiet", "--variant=minbase", ...clock, `--include=${PACKAGES.join(",")}`, release, "root");
    copyFileSync(join(work, "root/vmlinuz"), join(made, "vmlinuz"));
    copyFileSync(join(work, "root/initrd.img"), join(made, "initrd"));
    writeFileSync(join(work, "root/etc/fstab"), "/dev/vda / ext4 defaults 0 1\n");
    run("mke2fs", "-q", "-t", "ext4", "-d", "root", join(made, "disk.img"), "1536M");
  });
  return {
    folder,
    image: join(folder, "disk.img"),
    kernel: join(folder, "vmlinuz"),
    initrd: join(folder, "initrd"),
  };
}
