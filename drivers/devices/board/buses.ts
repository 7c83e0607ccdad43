import { basename, dirname } from "node:path/posix";
import type { Disk } from "#base/env/disk.ts";
import type { FoundDevice } from "../../driver.ts";
import { deviceOf, hardwareOf, present, type Hardware } from "../media/hardware.ts";
import { listNames, readLine, resolveSoft } from "../sysfs.ts";

interface Bus {
  readonly type: string;
  readonly folder: string;
  readonly member: RegExp;
}

/** https://docs.kernel.org/i2c/dev-interface.html, …/spi/spidev.html, …/userspace-api/gpio/chardev.html */
export const I2C: Bus = { type: "i2c", folder: "/sys/class/i2c-dev", member: /^i2c-\d+$/ };
export const SPI: Bus = { type: "spi", folder: "/sys/class/spidev", member: /^spidev\d+\.\d+$/ };
export const GPIO: Bus = { type: "gpio", folder: "/sys/bus/gpio/devices", member: /^gpiochip\d+$/ };

/** The buses of one kind, by their files in /dev. */
export async function findBuses(disk: Disk, { type, folder, member }: Bus): Promise<readonly FoundDevice[]> {
  const found: FoundDevice[] = [];
  for (const name of (await listNames(disk, folder)).filter((each) => member.test(each))) {
    const hardware = await controllerOf(disk, `${folder}/${name}`);
    if (hardware === undefined || !isForUsers(hardware)) continue;
    const paths = await present(disk, [`/dev/${name}`]);
    if (paths.length === 0) continue;
    const label = (await readLine(disk, `${folder}/${name}/name`)) || (await readLine(disk, `${folder}/${name}/label`));
    const device = deviceOf(hardware, { type, name: hardware.driver || label || type, paths, more: { model: label } });
    found.push({ ...device, id: `${device.id}-${name}` });
  }
  return found;
}

/** The part that has a driver: an adapter's own folder says little. */
async function controllerOf(disk: Disk, member: string): Promise<Hardware | undefined> {
  const own = await hardwareOf(disk, member);
  if (own !== undefined && own.driver !== "") return own;
  const folder = own?.folder ?? (await resolveSoft(disk, member));
  if (folder === undefined || !folder.startsWith("/sys/devices/")) return own;
  const parent = await hardwareOf(disk, `${folder}/..`, dirname(folder));
  return parent === undefined || basename(parent.folder) === "devices" ? own : parent;
}

/** Those of PCI are a PC's own: wires to its memory, its fans and its screens. */
function isForUsers({ usb, folder }: Hardware): boolean {
  return usb !== undefined || !folder.startsWith("/sys/devices/pci");
}
