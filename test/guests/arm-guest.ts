import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { madeOnce, newestKernel } from "../made-once.ts";

const KERNEL = "linux-image-cloud-arm64";
/** Debian's kernel for ARM's machines and a root of its busybox, which says where it runs, and ends. */
export function armGuest(): { readonly folder: string; readonly kernel: string; readonly initrd: string } {
  const folder = madeOnce("lares-guests", "arm64-1", build);
  return { folder, kernel: join(folder, "vmlinuz"), initrd: join(folder, "initrd") };
}

/** apt's lists of another processor, apart from this machine's. */
function build(work: string, made: string): void {
  for (const each of ["state/lists/partial", "cache/archives/partial", "root/bin", "root/proc", "root/sys", "root/dev"])
    mkdirSync(join(work, each), { recursive: true });
  writeFileSync(join(work, "status"), "");
  const options = [
    ["APT::Architecture", "arm64"],
    ["APT::Architectures::", "arm64"],
    ["APT::Sandbox::User", "root"],
    ["Dir::State", join(work, "state")],
    ["Dir::State::status", join(work, "status")],
    ["Dir::Cache", join(work, "cache")],
  ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const run = (program: string, ...args: readonly string[]): string =>
    execFileSync(program, args, { cwd: work, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  run("apt-get", "-qq", ...options, "update");
  run("apt-get", "-qq", ...options, "download", newestKernel(KERNEL, options), "busybox-static");
  for (const deb of readdirSync(work).filter((name) => name.endsWith(".deb"))) run("dpkg-deb", "-x", deb, "debs");
  const boot = join(work, "debs/boot");
  const vmlinuz = readdirSync(boot).find((name) => name.startsWith("vmlinuz-")) ?? "";
  copyFileSync(join(boot, vmlinuz), join(made, "vmlinuz"));
  copyFileSync(join(work, "debs/bin/busybox"), join(work, "root/bin/busybox"));
  writeFileSync(join(work, "root/init"), INIT);
  chmodSync(join(work, "root/init"), 0o755);
  run("sh", "-c", "bsdtar --format newc -cf made/initrd -C root .");
}

const INIT = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
exec </dev/ttyAMA0 >/dev/ttyAMA0 2>&1
echo "here is $(/bin/busybox uname -m)"
/bin/busybox poweroff -f
`;
