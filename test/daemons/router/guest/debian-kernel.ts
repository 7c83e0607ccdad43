import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { madeOnce, newestKernel, withFreshLists } from "#test/made-once.ts";

/** Debian's kernel, with an initial root that makes this machine's files its own, unwritable. */
export interface DebianKernel {
  readonly vmlinuz: string;
  readonly initrd: string;
}

const ARCHITECTURE = process.arch === "x64" ? "amd64" : "arm64";
/** The one for virtual machines knows no PPP. */
const PACKAGE = `linux-image-${ARCHITECTURE}`;
/** What shows the guest this machine's files. What they need comes with them. */
const BASE = "virtio_pci crc32c_generic 9pnet_virtio 9p overlay".split(" ");
const OF_ROUTERS = [
  ..."af_packet veth 8021q bridge ifb wireguard ppp_async pppoe".split(" "),
  ..."sch_cake sch_ingress cls_matchall act_mirred nf_tables nft_ct nft_chain_nat nft_masq nft_nat".split(" "),
  ..."nft_fib_inet nft_fib_ipv4 nft_fib_ipv6 nft_reject_inet nft_hash".split(" "),
];

/** Fetched and unpacked once per machine; nothing is installed. `modules`: loaded before the script runs. */
export function debianKernel(modules: readonly string[] = OF_ROUTERS): DebianKernel {
  const all = [...BASE, ...modules];
  return withFreshLists(() => {
    const newest = newestKernel(PACKAGE);
    const recipe = createHash("sha256").update(all.join(" ")).update(INIT).digest("hex").slice(0, 12);
    const make = (work: string): void => build(newest, { work, modules: all });
    const folder = madeOnce("lares-router-guest", `${newest}-${recipe}`, make);
    return { vmlinuz: join(folder, "vmlinuz"), initrd: join(folder, "initrd") };
  });
}

function build(name: string, { work, modules }: { readonly work: string; readonly modules: readonly string[] }): void {
  text("apt-get", ["-qq", "download", name], work);
  const deb = readdirSync(work).find((each) => each.endsWith(".deb")) ?? "";
  // The whole package is half a gigabyte.
  text("sh", ["-c", `dpkg-deb --fsys-tarfile ${deb} | tar -xf - --wildcards './boot/vmlinuz-*' '*.ko*'`], work);
  const boot = join(work, "boot");
  copyFileSync(join(boot, readdirSync(boot)[0] ?? ""), join(work, "made/vmlinuz"));
  const root = join(work, "root");
  for (const each of ["bin", "m", "proc", "sys", "dev", "lower", "upper", "root"])
    mkdirSync(join(root, each), { recursive: true });
  for (const program of ["/usr/bin/busybox", ...librariesOf("/usr/bin/busybox")]) {
    const to = join(root, program === "/usr/bin/busybox" ? "bin/busybox" : program);
    mkdirSync(join(to, ".."), { recursive: true });
    copyFileSync(program, to);
  }
  const loaded = loadOrder(work, modules);
  for (const path of loaded) copyFileSync(path, join(root, "m", basename(path)));
  const loads = loaded.map((path) => `insmod /m/${basename(path)}`).join("\n");
  writeFileSync(join(root, "init"), INIT.replace("@LOAD@", loads));
  chmodSync(join(root, "init"), 0o755);
  text("sh", ["-c", "bsdtar --format newc -cf made/initrd -C root ."], work);
}

function librariesOf(program: string): readonly string[] {
  try {
    return text("ldd", [program]).match(/\/\S+/g) ?? [];
  } catch {
    // It is whole in itself.
    return [];
  }
}

/** Paths of modules, each after those it needs; a module says in itself which (`depends=` in .modinfo). */
function loadOrder(work: string, modules: readonly string[]): readonly string[] {
  const found = new Map(
    text("find", [work, "-name", "*.ko*"])
      .trim()
      .split("\n")
      .map((path) => [
        basename(path)
          .replace(/\.ko.*/, "")
          .replaceAll("-", "_"),
        path,
      ]),
  );
  const order: string[] = [];
  const load = (name: string): void => {
    let path = found.get(name);
    // It is part of the kernel.
    if (path === undefined) return;
    if (path.endsWith(".xz")) {
      text("xz", ["-d", path]);
      path = path.slice(0, -3);
      found.set(name, path);
    }
    if (order.includes(path)) return;
    const needs = /\0depends=([^\0]*)\0/.exec(readFileSync(path).toString("latin1"))?.[1] ?? "";
    for (const each of needs.split(",").filter((need) => need !== "")) load(each.replaceAll("-", "_"));
    order.push(path);
  };
  for (const name of modules) load(name);
  return order;
}

/** This machine's files come by 9P, and what is written over them stays in memory. No container starts in a mere chroot. */
const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
@LOAD@
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 root /lower
mount -t tmpfs t /upper; mkdir /upper/u /upper/w
mount -t overlay -o lowerdir=/lower,upperdir=/upper/u,workdir=/upper/w o /root
for each in proc sys dev; do mount -o bind /$each /root/$each; done
mkdir -p /root/dev/pts; mount -t devpts d /root/dev/pts; mount -t tmpfs t /root/run
ip link set lo up
script=; for word in $(cat /proc/cmdline); do case $word in script=*) script=\${word#script=};; esac; done
exec switch_root /root /bin/busybox sh -c "/bin/sh $script; /bin/busybox poweroff -f"
`;

function text(program: string, args: readonly string[], cwd?: string): string {
  return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 24 });
}
