import { basename } from "node:path/posix";
import type { Disk } from "#base/env/disk.ts";
import type { DeviceFigure, TaskDevice } from "../driver.ts";
import { listNames, readLine } from "./sysfs.ts";

/** What the kernel measures of a device, the most telling figure first; nothing of many. */
export async function measureDevice(disk: Disk, device: TaskDevice): Promise<readonly DeviceFigure[]> {
  const [node] = device.nodes;
  const name = basename(node?.hostPath ?? "");
  const found = [
    ...(device.type === "gpu" ? await ofGraphics(disk, name) : []),
    ...(device.type === "serial" ? await ofPort(disk, name) : []),
    ...(device.usb === undefined ? [] : await ofUsb(disk, device.usb)),
  ];
  return found.filter(({ value }) => Number.isFinite(value));
}

/** https://docs.kernel.org/gpu/amdgpu/thermal.html, …/gpu/amdgpu/driver-misc.html; Intel's frequency stands beside its card. */
async function ofGraphics(disk: Disk, name: string): Promise<readonly DeviceFigure[]> {
  const device = `/sys/class/drm/${name}/device`;
  const [monitor] = await listNames(disk, `${device}/hwmon`);
  const sensors = `${device}/hwmon/${monitor ?? ""}`;
  return [
    await figure(disk, `${device}/gpu_busy_percent`, { name: "Busy", unit: "%" }),
    await figure(disk, `${device}/mem_info_vram_used`, { name: "Memory used", unit: "B" }),
    await figure(disk, `${device}/mem_info_vram_total`, { name: "Memory", unit: "B" }),
    await figure(disk, `${sensors}/temp1_input`, { name: "Temperature", unit: "°C", divide: 1000 }),
    await figure(disk, `${sensors}/power1_average`, { name: "Power", unit: "W", divide: 1e6 }),
    await figure(disk, `/sys/class/drm/${name}/gt_act_freq_mhz`, { name: "Frequency", unit: "MHz" }),
  ];
}

/** /proc/tty/driver/serial: `0: uart:16550A port:000003F8 irq:4 tx:12 rx:34 RTS|DTR`. */
async function ofPort(disk: Disk, name: string): Promise<readonly DeviceFigure[]> {
  const number = /^tty(?:S|AMA)(\d+)$/.exec(name)?.[1];
  if (number === undefined) return [];
  const driver = name.startsWith("ttyAMA") ? "ttyAMA" : "serial";
  const table = await readLine(disk, `/proc/tty/driver/${driver}`);
  const line = table.split("\n").find((each) => each.startsWith(`${number}:`)) ?? "";
  return [
    { name: "Sent", unit: "B", value: Number(/ tx:(\d+)/.exec(line)?.[1] ?? Number.NaN) },
    { name: "Received", unit: "B", value: Number(/ rx:(\d+)/.exec(line)?.[1] ?? Number.NaN) },
  ];
}

/** https://docs.kernel.org/admin-guide/abi-stable.html: `urbnum`; …/abi-testing.html: `power/connected_duration`. */
async function ofUsb(disk: Disk, { bus, device }: NonNullable<TaskDevice["usb"]>): Promise<readonly DeviceFigure[]> {
  for (const name of await listNames(disk, "/sys/bus/usb/devices")) {
    if (!name.startsWith(`${bus}-`) || name.includes(":")) continue;
    const at = `/sys/bus/usb/devices/${name}`;
    if ((await readLine(disk, `${at}/devnum`)) !== String(device)) continue;
    return [
      await figure(disk, `${at}/urbnum`, { name: "Transfers", unit: "" }),
      await figure(disk, `${at}/speed`, { name: "Speed", unit: "Mbit/s" }),
      await figure(disk, `${at}/power/connected_duration`, { name: "Connected", unit: "s", divide: 1000 }),
    ];
  }
  return [];
}

async function figure(
  disk: Disk,
  path: string,
  { name, unit, divide = 1 }: { readonly name: string; readonly unit: string; readonly divide?: number },
): Promise<DeviceFigure> {
  const text = await readLine(disk, path);
  return { name, unit, value: /^\d+(\.\d+)?$/.test(text) ? Number(text) / divide : Number.NaN };
}
