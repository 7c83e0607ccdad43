import type { Tree } from "../../../../drivers/devices/tree.ts";

const core = (id: number, of: Readonly<Record<string, string>>): Tree =>
  Object.fromEntries(
    Object.entries(of).map(([name, text]) => [`/sys/devices/system/cpu/cpu${id}/${name}`, `${text}\n`]),
  );
const armCore = (part: string): string =>
  `processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: ${part}\nCPU revision\t: 3\n\n`;

const LINUX: Tree = {
  "/proc/sys/kernel/osrelease": "6.6.51+rpt-rpi-v8\n",
  "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
  "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
};

/** A Raspberry Pi 4 with 4 GB: four equal cores, an SD card, gigabit Ethernet. */
export const PI_4: Tree = {
  ...LINUX,
  "/proc/sys/kernel/arch": "aarch64\n",
  "/proc/cpuinfo": `${armCore("0xd08").repeat(4)}Revision\t: c03112\nSerial\t\t: 10000000abcdef01\nModel\t\t: Raspberry Pi 4 Model B Rev 1.2\n`,
  "/proc/meminfo": "MemTotal:        3884396 kB\nMemFree:         2000000 kB\n",
  "/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.2\0",
  "/proc/device-tree/serial-number": "10000000abcdef01\0",
  "/proc/device-tree/compatible": "raspberrypi,4-model-b\0brcm,bcm2711\0",
  "/sys/devices/system/cpu/online": "0-3\n",
  ...[0, 1, 2, 3].reduce<Tree>((tree, id) => ({ ...tree, ...core(id, { "cpufreq/cpuinfo_max_freq": "1800000" }) }), {}),
  "/sys/block/mmcblk0/size": "62333952\n",
  "/sys/block/mmcblk0/device/name": "SC32G\n",
  "/sys/block/mmcblk0/queue/rotational": "0\n",
  "/sys/block/mmcblk0boot0/size": "8192\n",
  "/sys/block/loop0/size": "8192\n",
  "/sys/class/net/eth0/speed": "1000\n",
  "/sys/class/net/wlan0/speed": "-1\n",
  "/proc/net/route": "Iface\tDestination\tGateway\neth0\t00000000\t0102A8C0\n",
  "/sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
  "/sys/class/thermal/thermal_zone0/temp": "48312\n",
};

/** An RK3399 board: four small cores, two large ones. */
export const BIG_LITTLE: Tree = {
  ...LINUX,
  "/proc/sys/kernel/arch": "aarch64\n",
  "/proc/cpuinfo": armCore("0xd03").repeat(4) + armCore("0xd08").repeat(2),
  "/proc/meminfo": "MemTotal:        3920000 kB\n",
  "/proc/device-tree/model": "Radxa ROCK Pi 4B\0",
  "/proc/device-tree/compatible": "radxa,rockpi4b\0rockchip,rk3399\0",
  "/sys/devices/system/cpu/online": "0-5\n",
  ...[0, 1, 2, 3].reduce<Tree>(
    (tree, id) => ({ ...tree, ...core(id, { cpu_capacity: "485", "cpufreq/cpuinfo_max_freq": "1416000" }) }),
    {},
  ),
  ...[4, 5].reduce<Tree>(
    (tree, id) => ({ ...tree, ...core(id, { cpu_capacity: "1024", "cpufreq/cpuinfo_max_freq": "1800000" }) }),
    {},
  ),
};

/** A PC with P and E cores, an NVMe drive and a hard disk, in two memory regions. */
export const HYBRID_PC: Tree = {
  ...LINUX,
  "/proc/sys/kernel/arch": "x86_64\n",
  "/proc/cpuinfo": "processor\t: 0\nmodel name\t: 13th Gen Intel(R) Core(TM) i3-1315U\nflags\t\t: fpu vmx\n\n".repeat(
    4,
  ),
  "/proc/meminfo": "MemTotal:       16000000 kB\n",
  "/sys/devices/cpu_core/cpus": "0-1\n",
  "/sys/devices/cpu_atom/cpus": "2-3\n",
  "/sys/devices/system/cpu/online": "0-3\n",
  ...[0, 1].reduce<Tree>(
    (tree, id) => ({
      ...tree,
      ...core(id, { "cpufreq/base_frequency": "2000000", "cpufreq/cpuinfo_max_freq": "4500000" }),
    }),
    {},
  ),
  ...[2, 3].reduce<Tree>(
    (tree, id) => ({
      ...tree,
      ...core(id, { "cpufreq/base_frequency": "1500000", "cpufreq/cpuinfo_max_freq": "3300000" }),
    }),
    {},
  ),
  "/sys/class/dmi/id/sys_vendor": "LENOVO\n",
  "/sys/class/dmi/id/product_name": "12BTCTO1WW\n",
  "/sys/class/dmi/id/product_version": "Default string\n",
  "/sys/class/dmi/id/product_serial": "PC1ABCDE\n",
  "/sys/devices/system/node/node0/cpulist": "0-1\n",
  "/sys/devices/system/node/node1/cpulist": "2-3\n",
  "/sys/block/nvme0n1/size": "1000215216\n",
  "/sys/block/nvme0n1/device/model": "SAMSUNG MZVL2512HCJQ\n",
  "/sys/block/nvme0n1/queue/rotational": "0\n",
  "/sys/block/sda/size": "7814037168\n",
  "/sys/block/sda/device/model": "WDC WD40EFRX-68N\n",
  "/sys/block/sda/queue/rotational": "1\n",
  "/sys/block/sdb/size": "0\n",
  "/dev/kvm": "",
};

/** A virtual machine of QEMU with kvm, whose kernel tells no frequency. */
export const VIRTUAL: Tree = {
  ...LINUX,
  "/proc/sys/kernel/arch": "x86_64\n",
  "/proc/cpuinfo":
    "processor\t: 0\nmodel name\t: QEMU Virtual CPU\ncpu MHz\t\t: 2494.140\nflags\t\t: fpu hypervisor\n\n",
  "/proc/meminfo": "MemTotal:        2000000 kB\n",
  "/sys/class/dmi/id/sys_vendor": "QEMU\n",
  "/sys/class/dmi/id/product_name": "Standard PC (Q35 + ICH9, 2009)\n",
  "/sys/block/vda/size": "41943040\n",
  "/sys/block/vda/queue/rotational": "1\n",
};
