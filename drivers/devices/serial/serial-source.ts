import { basename } from "node:path/posix";
import type { Disk } from "#base/env/disk.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { SerialPortInfo, SerialPorts } from "#base/env/serial.ts";
import { attributes } from "../attributes.ts";
import type { DeviceSource, FoundDevice } from "../../driver.ts";
import { measureDevice } from "../figures.ts";
import { matchesPath } from "../path-pattern.ts";
import { listNames, readLine, resolveSoft, slug, type UsbFacts } from "../sysfs.ts";
import { configuredPorts, type NamedPort } from "./configured.ts";
import { usbName, type PortName } from "./naming.ts";
import type { SerialOptions } from "./plugin-options.ts";
import { kernelPorts, portNames, type KernelPort } from "./ports.ts";

export interface SerialSourceDeps {
  readonly env: Pick<Env, "disk" | "log">;
  readonly ports: Pick<SerialPorts, "list">;
  readonly options: SerialOptions;
}

const PERMISSIONS = "rw";

/** Serial ports: `device "serial"`, `"arduino/serial"`, `"serial/arduino"`, `"arduino/serial/uno"`. */
export function createSerialSource(deps: SerialSourceDeps): DeviceSource {
  const { disk } = deps.env;
  const { options } = deps;
  let complained = false;
  const told = async (): Promise<ReadonlyMap<string, SerialPortInfo>> => {
    try {
      return new Map((await deps.ports.list()).map((info) => [info.path, info]));
    } catch (thrown) {
      // Without udev the kernel's own tree is all there is; it lacks only the names of udev's list.
      if (!complained) deps.env.log.info("serial ports are named from the kernel alone", { error: messageOf(thrown) });
      complained = true;
      return new Map();
    }
  };
  return {
    name: "serial",
    measure: (device) => measureDevice(disk, device),
    async pulse() {
      if (!options.enabled) return "";
      const named = await configuredPorts(disk, options.ports);
      const places = await Promise.all((await portNames(disk)).map((name) => placeOf(disk, name)));
      const links = await listNames(disk, "/dev/serial/by-id");
      return [...places, ...links, ...named.map(({ path, node }) => `${path}=${node}`)].join("\n");
    },
    async find() {
      if (!options.enabled) return [];
      const kernel = await kernelPorts(disk);
      const known = kernel.some(({ usb }) => usb !== undefined) ? await told() : new Map<string, SerialPortInfo>();
      const named = await configuredPorts(disk, options.ports);
      const devices = kernel.map((port) => {
        const socket = port.usb === undefined ? "" : basename(port.usb.folder);
        return { ...ofKernel(port, known.get(port.path)), socket };
      });
      const ofKernels = apart(devices).map((device) => renamed(device, named));
      const others = named.filter(({ node }) => !kernel.some(({ path }) => path === node)).map(ofName);
      return [...ofKernels, ...others].filter(({ nodes }) => !isIgnored(nodes[0]?.hostPath ?? "", options));
    },
  };
}

/** Where a port is, and which time it was plugged in there: the kernel counts. */
async function placeOf(disk: Disk, name: string): Promise<string> {
  const folder = (await resolveSoft(disk, `/sys/class/tty/${name}`)) ?? name;
  const usb = /^(.*)\/[^/]+:\d+\.\d+\//.exec(folder)?.[1];
  return usb === undefined ? folder : `${folder} ${await readLine(disk, `${usb}/devnum`)}`;
}

function isIgnored(path: string, { ignore }: SerialOptions): boolean {
  return ignore.some((pattern) => matchesPath(path, pattern));
}

function ofKernel(port: KernelPort, info: SerialPortInfo | undefined): FoundDevice {
  const { path, driver, usb, byId, byPath } = port;
  const { vendor, name } = usb === undefined ? boardName(port) : usbName(usb, info?.manufacturer ?? "");
  const stablePath = byId || byPath || path;
  return {
    type: "serial",
    vendor,
    name,
    id: idOf(port),
    nodes: [{ hostPath: path, taskPath: path, permissions: PERMISSIONS }],
    stablePath,
    ...(usb === undefined ? {} : { usb: addressOf(usb) }),
    env: {},
    incarnation: `${path} ${usb?.bus ?? ""}:${usb?.device ?? ""}`,
    attributes: attributes({
      path,
      stable_path: stablePath,
      by_path: byPath,
      driver,
      bus: usb === undefined ? "board" : "usb",
      ...(usb === undefined ? {} : usbAttributes(usb, info)),
    }),
  };
}

function usbAttributes(usb: UsbFacts, info: SerialPortInfo | undefined): Record<string, string> {
  return {
    vendor_id: info?.vendorId ?? usb.vendorId,
    product_id: info?.productId ?? usb.productId,
    manufacturer: info?.manufacturer ?? usb.manufacturer,
    product: usb.product,
    serial_number: info?.serialNumber ?? usb.serial,
    interface: usb.interfaceNumber,
  };
}

function addressOf({ bus, device, vendorId, productId }: UsbFacts): FoundDevice["usb"] {
  return { bus, device, vendorId, productId };
}

function boardName({ driver }: KernelPort): PortName {
  return { vendor: "board", name: slug(driver) || "uart" };
}

/** By what is plugged in; a device without a number of its own is known by the socket it is plugged into. */
function idOf({ path, usb }: KernelPort): string {
  if (usb === undefined) return basename(path);
  const own = slug(usb.serial) || basename(usb.folder);
  return [`usb-${usb.vendorId}-${usb.productId}`, own, usb.interfaceNumber].filter((part) => part !== "").join("-");
}

/** Some makers print one number on all they sell: such are known by their sockets, too. */
function apart(devices: readonly (FoundDevice & { readonly socket: string })[]): readonly FoundDevice[] {
  const count = new Map<string, number>();
  for (const { id } of devices) count.set(id, (count.get(id) ?? 0) + 1);
  return devices.map(({ socket, ...device }) =>
    count.get(device.id) === 1 ? device : { ...device, id: `${device.id}-at-${socket}` },
  );
}

/** What only the configuration knows: a pseudo-terminal, a driver with names of its own. */
function ofName({ path, node, device, as }: NamedPort): FoundDevice {
  const id = basename(path);
  return {
    type: "serial",
    vendor: as.vendor || "other",
    name: as.name || slug(id) || "port",
    id,
    nodes: [{ hostPath: node, taskPath: `/dev/${id}`, permissions: PERMISSIONS }],
    stablePath: path,
    env: {},
    incarnation: `${node} ${device.major}:${device.minor}`,
    attributes: attributes({ path: node, stable_path: path, bus: "configured" }),
  };
}

function renamed(device: FoundDevice, named: readonly NamedPort[]): FoundDevice {
  const as = named.find(({ node }) => node === device.nodes[0]?.hostPath)?.as;
  return as === undefined ? device : { ...device, vendor: as.vendor || device.vendor, name: as.name || device.name };
}
