import { basename } from "node:path/posix";
import type { Disk } from "#base/env/disk.ts";
import type { FoundDevice } from "../../driver.ts";
import { attributes } from "../attributes.ts";
import { eventOf, readLine, resolveSoft, slug, usbOf, type UsbFacts } from "../sysfs.ts";

/** The piece of hardware behind a class's member. */
export interface Hardware {
  /** Its folder in the kernel's tree, without links: the same for all files of one piece. */
  readonly folder: string;
  readonly driver: string;
  readonly usb: UsbFacts | undefined;
  /** Four hex digits each; empty where it sits on no PCI bus. */
  readonly pciVendor: string;
  readonly pciDevice: string;
  /** `brcm,2711-v3d`: of a board's own parts. */
  readonly compatible: string;
}

/** Undefined: made by software. `member` is a folder such as /sys/class/sound/card0; `own`: the hardware's own folder. */
export async function hardwareOf(
  disk: Disk,
  member: string,
  own: string = `${member}/device`,
): Promise<Hardware | undefined> {
  const folder = await resolveSoft(disk, own);
  if (folder === undefined) return undefined;
  const event = await eventOf(disk, folder);
  const pci = event["PCI_ID"]?.toLowerCase().split(":") ?? [];
  return {
    folder,
    driver: event["DRIVER"] ?? basename((await resolveSoft(disk, `${folder}/driver`)) ?? ""),
    usb: await usbOf(disk, folder),
    pciVendor: pci[0] ?? "",
    pciDevice: pci[1] ?? "",
    compatible: event["OF_COMPATIBLE_0"] ?? "",
  };
}

/** Makers by PCI vendor id (https://pci-ids.ucw.cz). */
const PCI_VENDORS: Readonly<Record<string, string>> = {
  "1002": "amd",
  "10de": "nvidia",
  "1234": "qemu",
  "1af4": "virtio",
  "1b36": "qemu",
  "8086": "intel",
};

export function vendorOf({ usb, pciVendor, compatible }: Hardware): string {
  if (usb !== undefined) return slug(usb.manufacturer) || `usb-${usb.vendorId}`;
  if (pciVendor !== "") return PCI_VENDORS[pciVendor] ?? `pci-${pciVendor}`;
  const [maker] = compatible.split(",");
  return maker === "brcm" || maker === "raspberrypi" ? "broadcom" : slug(maker ?? "") || "board";
}

/** What outlives a restart: the number of the device itself, else the socket or slot it sits in. */
export function idOf(hardware: Hardware): string {
  const { usb, folder } = hardware;
  if (usb === undefined) return basename(folder);
  return `usb-${usb.vendorId}-${usb.productId}-${slug(usb.serial) || basename(usb.folder)}`;
}

export interface Described {
  readonly type: string;
  readonly name: string;
  /** Below /dev; the first is the one programs open. */
  readonly paths: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly more?: Readonly<Record<string, string | number | undefined>>;
}

export function deviceOf(hardware: Hardware, { type, name, paths, env = {}, more = {} }: Described): FoundDevice {
  const { usb, driver, pciVendor, pciDevice } = hardware;
  const vendor = vendorOf(hardware);
  return {
    type,
    vendor,
    name: slug(name) || "unknown",
    id: idOf(hardware),
    nodes: paths.map((path) => ({ hostPath: path, taskPath: path, permissions: "rw" })),
    stablePath: paths[0] ?? "",
    ...(usb === undefined
      ? {}
      : { usb: { bus: usb.bus, device: usb.device, vendorId: usb.vendorId, productId: usb.productId } }),
    env,
    incarnation: `${paths.join(" ")} ${usb?.bus ?? ""}:${usb?.device ?? ""}`,
    attributes: attributes({
      path: paths[0],
      driver,
      bus: usb !== undefined ? "usb" : pciVendor !== "" ? "pci" : "board",
      vendor_id: usb?.vendorId ?? pciVendor,
      product_id: usb?.productId ?? pciDevice,
      product: usb?.product,
      serial_number: usb?.serial,
      ...more,
    }),
  };
}

/** Those of the paths that are there. */
export async function present(disk: Disk, paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(paths.map((path) => disk.stat(path).catch(() => undefined)));
  return paths.filter((_, index) => found[index] !== undefined);
}

/** What a file of one number tells; undefined where it is missing. */
export async function numberIn(disk: Disk, path: string): Promise<number | undefined> {
  const text = await readLine(disk, path);
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
