import { execFileSync } from "node:child_process";
import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { append, testGuest } from "../drivers/qemu/test-guest.ts";
import { madeOnce } from "../made-once.ts";

/** Counts up with every change of what is built below. */
const RECIPE = 1;

/**
 * A disk that a PC starts from by its BIOS: Debian's kernel for virtual machines and the root of {@link testGuest}, which
 * runs the seed's user data as a script. The loader's packages are fetched, not installed.
 */
export function bootDisk(): { readonly folder: string; readonly image: string } {
  const guest = testGuest();
  const folder = madeOnce("lares-guests", `disk-${basename(guest.folder)}-${RECIPE}`, (work) => build(work, guest));
  return { folder, image: join(folder, "disk.img") };
}

function build(work: string, guest: ReturnType<typeof testGuest>): void {
  const run = (program: string, ...args: readonly string[]): void =>
    void execFileSync(program, args, {
      cwd: work,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, PATH: `${work}/debs/usr/bin:${process.env["PATH"] ?? ""}`, MTOOLS_SKIP_CHECK: "1" },
    });
  const options = ["-o", "Acquire::Retries=3", "-o", "APT::Sandbox::User=root"];
  run("apt-get", "-qq", ...options, "download", "syslinux", "mtools");
  for (const deb of readdirSync(work).filter((name) => name.endsWith(".deb"))) run("dpkg-deb", "-x", deb, "debs");
  copyFileSync(guest.kernel, join(work, "vmlinuz"));
  copyFileSync(guest.initrd, join(work, "initrd"));
  writeFileSync(
    join(work, "syslinux.cfg"),
    `DEFAULT linux\nLABEL linux\nKERNEL vmlinuz\nINITRD initrd\nAPPEND ${append("script")}\n`,
  );
  // 64 MB of 512 bytes in a geometry that a BIOS can count to.
  run("mformat", "-i", "made/disk.img", "-C", "-T", "131072", "-h", "64", "-s", "32", "-H", "0", "::");
  run("mcopy", "-i", "made/disk.img", "vmlinuz", "initrd", "syslinux.cfg", "::");
  run("syslinux", "--install", "made/disk.img");
}
