import type { Disk } from "#base/env/disk.ts";
import type { FoundDevice } from "../../driver.ts";
import { listNames } from "../sysfs.ts";
import { deviceOf, hardwareOf, numberIn, present, type Hardware } from "./hardware.ts";

const CLASS = "/sys/class/drm";
const MIB = 1024 * 1024;
/** What NVIDIA's own driver needs beside the processor's own file. */
const NVIDIA_SHARED = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"];
const AMD_COMPUTE = "/dev/kfd";

/** Graphics processors, by their files in /dev/dri: the render node first, the card that drives screens second. */
export async function findGraphics(disk: Disk): Promise<readonly FoundDevice[]> {
  const groups = new Map<string, { readonly hardware: Hardware; readonly paths: string[] }>();
  const names = (await listNames(disk, CLASS)).filter((name) => /^(?:renderD|card)\d+$/.test(name));
  // `renderD128` sorts after `card0`: render nodes come first when the order is turned around.
  for (const name of names.toReversed()) {
    const hardware = await hardwareOf(disk, `${CLASS}/${name}`);
    if (hardware === undefined) continue;
    const group = groups.get(hardware.folder) ?? { hardware, paths: [] };
    group.paths.push(...(await present(disk, [`/dev/dri/${name}`])));
    groups.set(hardware.folder, group);
  }
  const found: FoundDevice[] = [];
  for (const { hardware, paths } of groups.values()) {
    const { driver, pciDevice, folder } = hardware;
    const [vramBytes, extra] = [await numberIn(disk, `${folder}/mem_info_vram_total`), await extraOf(disk, hardware)];
    const nodes = [...paths, ...extra.paths];
    if (nodes.length === 0) continue;
    const name = [driver, pciDevice].filter((part) => part !== "").join("-");
    const memory = vramBytes === undefined ? undefined : Math.floor(vramBytes / MIB);
    const device = deviceOf(hardware, { type: "gpu", name, paths: nodes, env: extra.env, more: {} });
    found.push(memory === undefined ? device : withMemory(device, memory));
  }
  return found;
}

/** With a unit, so that jobs can ask for `4 GiB`. */
function withMemory(device: FoundDevice, mib: number): FoundDevice {
  const memory = { Int: mib, Float: null, String: null, Bool: null, Unit: "MiB" };
  return { ...device, attributes: { ...device.attributes, memory } };
}

/** Files of the maker's own driver, and what its programs look for. */
async function extraOf(
  disk: Disk,
  { driver, folder }: Hardware,
): Promise<{ readonly paths: readonly string[]; readonly env: Readonly<Record<string, string>> }> {
  if (driver === "amdgpu") return { paths: await present(disk, [AMD_COMPUTE]), env: {} };
  if (driver !== "nvidia") return { paths: [], env: {} };
  const slot = folder.slice(folder.lastIndexOf("/") + 1);
  const information = await disk.read(`/proc/driver/nvidia/gpus/${slot}/information`).catch(() => undefined);
  const text = information === undefined ? "" : Buffer.from(information).toString("utf8");
  const minor = /^Device Minor:\s*(\d+)/m.exec(text)?.[1];
  const uuid = /^GPU UUID:\s*(GPU-\S+)/m.exec(text)?.[1];
  return {
    paths: await present(disk, [...(minor === undefined ? [] : [`/dev/nvidia${minor}`]), ...NVIDIA_SHARED]),
    env: uuid === undefined ? {} : { NVIDIA_VISIBLE_DEVICES: uuid },
  };
}
