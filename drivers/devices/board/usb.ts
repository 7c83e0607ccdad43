import type { Disk } from "#base/env/disk.ts";
import type { FoundDevice } from "../../driver.ts";
import { deviceOf, hardwareOf, present } from "../media/hardware.ts";
import { listNames, readLine } from "../sysfs.ts";

export const USB_FOLDER = "/sys/bus/usb/devices";
/** https://www.usb.org/defined-class-codes */
const HUB = "09";
/** Interfaces with these are serial ports, sound cards and cameras: devices of types of their own. */
const TOLD_ELSEWHERE = /^(?:tty(?:USB\d+)?|sound|video4linux)$/;

/** What is plugged in, whatever it is, by its file in /dev/bus/usb: for programs that speak to it by libusb. */
export async function findUsb(disk: Disk): Promise<readonly FoundDevice[]> {
  const found: FoundDevice[] = [];
  for (const name of (await listNames(disk, USB_FOLDER)).filter((each) => /^\d+-[\d.]+$/.test(each))) {
    const at = `${USB_FOLDER}/${name}`;
    const hardware = await hardwareOf(disk, at, at);
    const usb = hardware?.usb;
    if (hardware === undefined || usb === undefined) continue;
    if ((await readLine(disk, `${at}/bDeviceClass`)) === HUB || (await isToldElsewhere(disk, at, name))) continue;
    const paths = await present(disk, [`/dev/bus/usb/${padded(usb.bus)}/${padded(usb.device)}`]);
    if (paths.length === 0) continue;
    const model = usb.product || `${usb.vendorId}-${usb.productId}`;
    found.push(
      deviceOf(hardware, { type: "usb", name: model, paths, more: { manufacturer: usb.manufacturer, socket: name } }),
    );
  }
  return found;
}

async function isToldElsewhere(disk: Disk, at: string, name: string): Promise<boolean> {
  for (const face of (await listNames(disk, at)).filter((each) => each.startsWith(`${name}:`)))
    if ((await listNames(disk, `${at}/${face}`)).some((each) => TOLD_ELSEWHERE.test(each))) return true;
  return false;
}

function padded(number: number): string {
  return String(number).padStart(3, "0");
}
