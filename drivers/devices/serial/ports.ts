import { basename } from "node:path/posix";
import type { Disk } from "#base/env/disk.ts";
import { eventOf, linksIn, listNames, readLine, resolveSoft, usbOf, type UsbFacts } from "../sysfs.ts";

/** A port of the kernel with hardware behind it. */
export interface KernelPort {
  /** `/dev/ttyUSB0` */
  readonly path: string;
  readonly driver: string;
  /** Undefined: on the board, or on a card. */
  readonly usb: UsbFacts | undefined;
  /** /dev/serial/by-id/…; empty where udev made none. */
  readonly byId: string;
  readonly byPath: string;
}

const CLASS = "/sys/class/tty";
/** Screens, pseudo-terminals, and consoles of virtual machines. */
const NO_PORT = /^(?:tty\d*|console|ptmx|pty.*|hvc\d+|ttyprintk|vport.*)$/;
/** A place where a port could be soldered on: `type` of a UART that is not there (linux/serial_core.h). */
const ABSENT_UART = "0";

/** Names that may be ports, for noticing changes: reads one folder. */
export async function portNames(disk: Disk): Promise<readonly string[]> {
  return (await listNames(disk, CLASS)).filter((name) => !NO_PORT.test(name));
}

export async function kernelPorts(disk: Disk): Promise<readonly KernelPort[]> {
  const names = await portNames(disk);
  if (names.length === 0) return [];
  const consoles = new Set((await readLine(disk, `${CLASS}/console/active`)).split(/\s+/));
  const byId = await linksIn(disk, "/dev/serial/by-id");
  const byPath = await linksIn(disk, "/dev/serial/by-path");
  const ports: KernelPort[] = [];
  for (const name of names) {
    if (consoles.has(name)) continue;
    const folder = await resolveSoft(disk, `${CLASS}/${name}/device`);
    const path = `/dev/${name}`;
    if (folder === undefined || (await readLine(disk, `${CLASS}/${name}/type`)) === ABSENT_UART) continue;
    if ((await disk.stat(path).catch(() => undefined)) === undefined) continue;
    ports.push({
      path,
      driver: await driverOf(disk, folder),
      usb: await usbOf(disk, folder),
      byId: byId.get(path) ?? "",
      byPath: byPath.get(path) ?? "",
    });
  }
  return ports;
}

async function driverOf(disk: Disk, folder: string): Promise<string> {
  const { DRIVER } = await eventOf(disk, folder);
  if (DRIVER !== undefined) return DRIVER;
  const link = await resolveSoft(disk, `${folder}/driver`);
  return link === undefined ? "" : basename(link);
}
