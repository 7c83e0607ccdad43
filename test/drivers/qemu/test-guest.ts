import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { madeOnce, newestKernel, withFreshLists } from "#test/made-once.ts";

/** Debian's kernel for virtual machines, and a root in memory made of this machine's busybox and QEMU's guest agent. */
export interface TestGuest {
  /** Holds the two. */
  readonly folder: string;
  readonly kernel: string;
  readonly initrd: string;
}

const ARCHITECTURE = process.arch === "x64" ? "amd64" : "arm64";
const KERNEL = `linux-image-cloud-${ARCHITECTURE}`;
const AGENT = "qemu-guest-agent";
/** In the order in which they need each other. */
const MODULES =
  "virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk failover net_failover virtio_net virtio_console button evdev cdrom isofs qemu_fw_cfg".split(
    " ",
  );
/** Counts up with every change of what is built below. */
const RECIPE = 5;

/** Fetched and built once per machine; the kernel's package has to be fetched, not installed: only two of its files matter. */
export function testGuest(): TestGuest {
  return withFreshLists(() => {
    const newest = newestKernel(KERNEL);
    const folder = madeOnce("lares-test-guest", `${newest}-${RECIPE}`, (work, made) => build(newest, work, made));
    return { folder, kernel: join(folder, "vmlinuz"), initrd: join(folder, "initrd") };
  });
}

function build(kernel: string, work: string, made: string): void {
  run("apt-get", ["-qq", "download", kernel, AGENT], work);
  for (const deb of readdirSync(work).filter((name) => name.endsWith(".deb")))
    unpack(join(work, deb), join(work, "debs"));
  const boot = join(work, "debs/boot");
  const vmlinuz = readdirSync(boot).find((name) => name.startsWith("vmlinuz-")) ?? "";
  copyFileSync(join(boot, vmlinuz), join(made, "vmlinuz"));
  makeRoot(work);
  execFileSync("sh", ["-c", "bsdtar --format newc -cf made/initrd -C root ."], { cwd: work });
}

/**
 * Kernel parameters: `run=` names what the guest does. Nothing of the kernel's goes to the serial port, and what an emulated
 * processor takes long for and a test does not need is left out.
 */
export function append(what: string): string {
  return `quiet loglevel=0 panic=-1 cryptomgr.notests mitigations=off run=${what}`;
}

function makeRoot(work: string): void {
  const root = join(work, "root");
  for (const folder of ["bin", "sbin", "lib/modules", "dev", "proc", "sys", "run", "tmp", "mnt", "usr/share/udhcpc"])
    mkdirSync(join(root, folder), { recursive: true });
  const agent = join(work, "debs/usr/sbin/qemu-ga");
  for (const program of ["/usr/bin/busybox", agent]) {
    copyFileSync(program, join(root, "bin", program.split("/").at(-1) ?? ""));
    for (const library of capture("ldd", [program]).match(/\/\S+/g) ?? []) put(library, root);
  }
  for (const name of "sh mount insmod echo cat sleep poweroff reboot stty head ip udhcpc nc httpd grep tr sync ls cut mkdir dd".split(
    " ",
  ))
    symlinkSync("busybox", join(root, "bin", name));
  const found = capture("find", [join(work, "debs/lib/modules"), "-name", "*.ko"])
    .trim()
    .split("\n");
  for (const name of MODULES) {
    const path = found.find(
      (each) => each.endsWith(`/${name}.ko`) || each.endsWith(`/${name.replaceAll("_", "-")}.ko`),
    );
    if (path !== undefined) copyFileSync(path, join(root, "lib/modules", `${name}.ko`));
  }
  script(join(root, "init"), INIT);
  script(join(root, "sbin/shutdown"), "poweroff -f");
  script(join(root, "usr/share/udhcpc/default.script"), DHCP);
}

const INIT = `export PATH=/bin:/sbin
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
run=; for word in $(cat /proc/cmdline); do case $word in run=*) run=\${word#run=};; ip=*) ip=\${word#ip=};; esac; done
stty -onlcr -echo </dev/ttyS0; stty -onlcr </dev/ttyS1
exec </dev/ttyS0 >/dev/ttyS0 2>/dev/ttyS1
modules() { for name in "$@"; do insmod /lib/modules/$name.ko; done; }
port() { while :; do for port in /sys/class/virtio-ports/*; do
  if [ "$(cat $port/name 2>/dev/null)" = $1 ]; then port=/dev/\${port##*/}; return; fi; done; sleep 0.1; done; }
end() { port lares.exit; echo $1 >$port; poweroff -f; }
virtio() { modules virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci "$@"; }
button() { modules button evdev; for key in /dev/input/event*; do (head -c 1 $key >/dev/null; poweroff -f) & done; }
agent() { port org.qemu.guest_agent.0; qemu-ga -p $port -t /run -f /run/ga.pid >/dev/null 2>&1 & }
network() { modules failover net_failover virtio_net; ip link set lo up; ip link set eth0 up; }
case $run in
  prints) echo out; echo err >&2; poweroff -f;;
  fails) virtio virtio_console; end 7;;
  console) button; echo ready; while read line; do echo "heard $line"; done;;
  stubborn) echo ready; while :; do sleep 1000; done;;
  agent) virtio virtio_console; agent; button; while :; do sleep 1000; done;;
  script) virtio virtio_blk virtio_console; modules cdrom isofs qemu_fw_cfg; network
    mkdir -p /mnt/seed; for disk in /dev/vd*; do mount -t iso9660 -o ro $disk /mnt/seed 2>/dev/null && break; done
    . /mnt/seed/user-data; sync; poweroff -f;;
  *) button; echo ready; while :; do sleep 1000; done;;
esac`;

const DHCP = `if [ "$1" = bound ]; then ip address add $ip/$mask dev $interface; ip route add default via $router
echo "bound $ip/$mask $router $dns"; fi`;

function script(path: string, text: string): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

/** At the place it has here, where its loader looks. */
function put(file: string, root: string): void {
  const to = join(root, file);
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(file, to);
}

function unpack(deb: string, to: string): void {
  mkdirSync(to, { recursive: true });
  run("dpkg-deb", ["-x", deb, to], to);
}

function run(program: string, args: readonly string[], cwd: string): void {
  execFileSync(program, args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
}

function capture(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
}
