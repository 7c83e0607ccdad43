import type { GuestDevice, GuestDisk, Machine } from "./machine.ts";
import { RUN_FILES } from "./run-folder.ts";

/** Descriptors that the launcher hands over: the task's output files, opened for appending. */
const OUTPUT = { stdout: 3, stderr: 4 } as const;
/** QEMU may start no programs and gain no rights once it runs (its filter's groups). */
export const CONFINED = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/**
 * Opens the task's files for QEMU, which may run as a user that could not, and starts a DHCP server beside it where the guest
 * has one coming, which ends with it. Arguments: the server's configuration or empty, then QEMU's argv.
 */
const LAUNCH = `dhcp=$1
shift
if [ -n "$dhcp" ]; then setpriv --pdeathsig KILL udhcpd -f "$dhcp" >/dev/null 2>&1 & fi
exec "$@" ${OUTPUT.stdout}>&1 ${OUTPUT.stderr}>&2`;

export function launcher(argv: readonly string[], dhcp: string): readonly string[] {
  return ["/bin/sh", "-c", LAUNCH, "lares-qemu", dhcp, ...argv];
}

/** Translated code is kept in so many MB; left to itself QEMU takes more than a small guest has memory. */
const TCG = "tcg,tb-size=64";

/** QEMU's argv. It starts stopped, and waits for its monitor to let it go. */
export function commandLine(machine: Machine): readonly string[] {
  const { program, name, uuid, type, accelerator, cpuModel, cpus, memoryMB } = machine;
  return [
    [program],
    ["-name", escape(name), "-uuid", uuid, "-nodefaults", "-no-user-config", "-S"],
    [
      "-machine",
      type,
      "-accel",
      accelerator === "tcg" ? TCG : accelerator,
      "-cpu",
      cpuModel,
      "-smp",
      String(cpus),
      "-m",
      `${memoryMB}M`,
    ],
    machine.isConfined ? ["-sandbox", CONFINED] : [],
    ["-chardev", socket("monitor", RUN_FILES.monitor), "-mon", "chardev=monitor,mode=control"],
    output(machine),
    channels(machine),
    boot(machine),
    machine.disks.some((disk) => disk.interface === "scsi") ? ["-device", "virtio-scsi-pci,id=scsi0"] : [],
    machine.disks.flatMap((disk, index) => disc(disk, index)),
    connection(machine),
    needsUsb(machine) ? ["-device", "qemu-xhci"] : [],
    machine.devices.flatMap(handedIn),
    screen(machine),
    ["-device", "virtio-rng-pci", "-device", "virtio-balloon-pci"],
    // A guest whose kernel panicked is no guest that ended well.
    ["-device", machine.architecture === "x86_64" ? "pvpanic" : "pvpanic-pci", "-action", "panic=exit-failure"],
    machine.resume === "" ? [] : ["-loadvm", machine.resume],
    machine.args,
  ].flat();
}

/**
 * The first serial port is standard output, and a console besides; the second is standard error. QEMU writes both files, so
 * neither needs a reader.
 */
function output({ architecture }: Machine): readonly string[] {
  return [
    ["-add-fd", `fd=${OUTPUT.stdout},set=1`, "-add-fd", `fd=${OUTPUT.stderr},set=2`],
    ["-chardev", `${socket("console", RUN_FILES.console)},logfile=/dev/fdset/1,logappend=on`],
    ["-serial", "chardev:console", "-chardev", "file,id=stderr,path=/dev/fdset/2,append=on"],
    // The machine "virt" has one port on board.
    architecture === "x86_64" ? ["-serial", "chardev:stderr"] : ["-device", "pci-serial,chardev=stderr"],
  ].flat();
}

/** What the guest's programs reach the node by. */
function channels({ hasAgent }: Machine): readonly string[] {
  return [
    ["-device", "virtio-serial-pci", "-chardev", `file,id=exit,path=${RUN_FILES.exitCode}`],
    ["-device", "virtserialport,chardev=exit,name=lares.exit"],
    ["-fw_cfg", `name=opt/lares/env,file=${RUN_FILES.env}`],
    hasAgent ? ["-chardev", socket("agent", RUN_FILES.agent), "-device", AGENT_PORT] : [],
  ].flat();
}

const AGENT_PORT = "virtserialport,chardev=agent,name=org.qemu.guest_agent.0";

function boot({ kernel, firmware }: Machine): readonly string[] {
  return [
    firmware === undefined ? [] : ["-drive", `if=pflash,format=raw,readonly=on,file=${escape(firmware.code)}`],
    firmware === undefined ? [] : ["-drive", `if=pflash,format=qcow2,file=${escape(firmware.variables)}`],
    kernel === undefined ? [] : ["-kernel", kernel.path],
    kernel === undefined || kernel.initrd === "" ? [] : ["-initrd", kernel.initrd],
    kernel === undefined || kernel.append === "" ? [] : ["-append", kernel.append],
  ].flat();
}

function disc(disk: GuestDisk, index: number): readonly string[] {
  const device = deviceOf(disk);
  const id = `disk${index}`;
  if (device === undefined) {
    const readOnly = disk.isReadOnly ? ",readonly=on" : "";
    return ["-drive", `if=${disk.interface},id=${id},format=${disk.format},file=${escape(disk.path)}${readOnly}`];
  }
  const node = {
    driver: disk.format,
    "node-name": id,
    "read-only": disk.isReadOnly,
    ...(disk.isReadOnly ? {} : { discard: "unmap" }),
    file: { driver: "file", filename: disk.path, "read-only": disk.isReadOnly },
  };
  // Firmware tries them in the order they were written.
  const serial = disk.serial || (disk.interface === "nvme" ? id : "");
  const more = `drive=${id},bootindex=${index + 1}${serial === "" ? "" : `,serial=${serial}`}`;
  return ["-blockdev", JSON.stringify(node), "-device", `${device},${more}`];
}

/** Undefined: the machine's board has the place for it. */
function deviceOf({ interface: kind, isCdrom }: GuestDisk): string | undefined {
  if (kind === "virtio") return "virtio-blk-pci";
  if (kind === "nvme") return "nvme";
  if (kind === "ide") return isCdrom ? "ide-cd" : "ide-hd";
  if (kind === "scsi") return isCdrom ? "scsi-cd" : "scsi-hd";
  return undefined;
}

function needsUsb({ devices, screen: wish }: Machine): boolean {
  return wish !== undefined || devices.some(({ kind }) => kind === "usb");
}

function handedIn(device: GuestDevice, index: number): readonly string[] {
  if (device.kind === "usb") return ["-device", `usb-host,hostbus=${device.bus},hostaddr=${device.device}`];
  const id = `device${index}`;
  return ["-chardev", `serial,id=${id},path=${escape(device.path)}`, "-device", `pci-serial,chardev=${id}`];
}

function connection({ network, kernel }: Machine): readonly string[] {
  if (network.kind === "none") return ["-nic", "none"];
  // Who brings a kernel does not start from the network: the card's own program for that would only take time.
  const program = kernel === undefined ? "" : ",romfile=";
  const device = ["-device", `virtio-net-pci,netdev=net0,mac=${network.mac}${program}`];
  if (network.kind !== "user")
    return ["-netdev", `tap,id=net0,ifname=${network.tap},script=no,downscript=no`, ...device];
  const forwards = network.ports.flatMap(({ address, outside, guest }) =>
    ["tcp", "udp"].map((protocol) => `,hostfwd=${protocol}:${address}:${outside}-:${guest}`),
  );
  return ["-netdev", `user,id=net0${forwards.join("")}`, ...device];
}

/** QEMU counts displays from port 5900. */
const VNC_BASE = 5900;

function screen({ screen: wish, architecture }: Machine): readonly string[] {
  if (wish === undefined) return ["-display", "none", "-vga", "none"];
  const address = wish.address.includes(":") ? `[${wish.address}]` : wish.address;
  const password = wish.hasPassword ? ",password-secret=vnc" : "";
  return [
    wish.hasPassword ? ["-object", `secret,id=vnc,file=${RUN_FILES.vncPassword}`] : [],
    ["-display", `vnc=${address}:${wish.port - VNC_BASE}${password}`],
    architecture === "x86_64" ? ["-vga", "std"] : ["-device", "virtio-gpu-pci"],
    ["-device", "usb-kbd", "-device", "usb-tablet"],
  ].flat();
}

function socket(id: string, path: string): string {
  return `socket,id=${id},path=${path},server=on,wait=off`;
}

/** In QEMU's options a comma ends a value, unless it is said twice. */
function escape(text: string): string {
  return text.replaceAll(",", ",,");
}
