import { dirname } from "node:path/posix";
import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";

/** A USB device as the kernel's tree shows it (https://docs.kernel.org/admin-guide/abi-stable.html, `/sys/bus/usb/devices`). */
export interface UsbFacts {
  readonly folder: string;
  readonly vendorId: string;
  readonly productId: string;
  readonly manufacturer: string;
  readonly product: string;
  readonly serial: string;
  readonly bus: number;
  readonly device: number;
  /** Of the interface the search began below; empty: of none. */
  readonly interfaceNumber: string;
}

/** A file of one line, trimmed; empty where it is missing or the kernel refuses. */
export async function readLine(disk: Disk, path: string): Promise<string> {
  try {
    const bytes = await disk.read(path);
    // NUL ends texts that come from a device tree.
    return bytes === undefined ? "" : textOf(bytes).replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

export async function listNames(disk: Disk, folder: string): Promise<readonly string[]> {
  return disk.list(folder).catch(() => []);
}

/** Undefined also where the way there may not be walked. */
export async function resolveSoft(disk: Disk, path: string): Promise<string | undefined> {
  return disk.resolve(path).catch(() => undefined);
}

/** Lines `NAME=value` of an event file. */
export async function eventOf(disk: Disk, folder: string): Promise<Readonly<Record<string, string>>> {
  const lines = (await readLine(disk, `${folder}/uevent`)).split("\n");
  return Object.fromEntries(
    lines.flatMap((line): [string, string][] => {
      const at = line.indexOf("=");
      return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}

/** The USB device that a folder of the tree belongs to. The folder is a path without links. */
export async function usbOf(disk: Disk, folder: string): Promise<UsbFacts | undefined> {
  let interfaceNumber = "";
  for (let at = folder; at.startsWith("/sys/devices/"); at = dirname(at)) {
    interfaceNumber ||= await readLine(disk, `${at}/bInterfaceNumber`);
    const vendorId = await readLine(disk, `${at}/idVendor`);
    if (vendorId === "") continue;
    const [productId, manufacturer, product, serial, bus, device] = await Promise.all(
      ["idProduct", "manufacturer", "product", "serial", "busnum", "devnum"].map((name) =>
        readLine(disk, `${at}/${name}`),
      ),
    );
    return {
      folder: at,
      vendorId,
      productId: productId ?? "",
      manufacturer: manufacturer ?? "",
      product: product ?? "",
      serial: serial ?? "",
      bus: Number(bus ?? 0),
      device: Number(device ?? 0),
      interfaceNumber,
    };
  }
  return undefined;
}

/** Links of a folder such as /dev/serial/by-id, by what they lead to. */
export async function linksIn(disk: Disk, folder: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of await listNames(disk, folder)) {
    const target = await resolveSoft(disk, `${folder}/${name}`);
    if (target !== undefined && !found.has(target)) found.set(target, `${folder}/${name}`);
  }
  return found;
}

/** As a part of a device's name: small letters, digits and single hyphens, 48 at most. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/\((?:r|tm|c)\)/g, "")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 48)
    .replace(/-+$/, "");
}
