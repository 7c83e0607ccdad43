import type { Disk } from "#base/env/disk.ts";
import type { FoundDevice } from "../../driver.ts";
import { listNames, readLine } from "../sysfs.ts";
import { deviceOf, hardwareOf, present, type Hardware } from "./hardware.ts";

const CLASS = "/sys/class/video4linux";

/** Cameras, tuners and codecs: all files of one, in the kernel's order. */
export async function findVideo(disk: Disk): Promise<readonly FoundDevice[]> {
  const groups = new Map<string, { readonly hardware: Hardware; readonly members: string[] }>();
  const names = (await listNames(disk, CLASS)).filter((name) => /^(?:video|vbi|radio)\d+$/.test(name));
  for (const name of names.toSorted((a, b) => numberOf(a) - numberOf(b))) {
    const hardware = await hardwareOf(disk, `${CLASS}/${name}`);
    if (hardware === undefined) continue;
    const group = groups.get(hardware.usb?.folder ?? hardware.folder) ?? { hardware, members: [] };
    group.members.push(name);
    groups.set(hardware.usb?.folder ?? hardware.folder, group);
  }
  const found: FoundDevice[] = [];
  for (const { hardware, members } of groups.values()) {
    const paths = await present(
      disk,
      members.map((name) => `/dev/${name}`),
    );
    if (paths.length === 0) continue;
    const called = await readLine(disk, `${CLASS}/${members[0] ?? ""}/name`);
    const name = hardware.usb?.product || hardware.driver || called;
    found.push(deviceOf(hardware, { type: "video", name, paths, more: { model: called } }));
  }
  return found;
}

function numberOf(name: string): number {
  return Number(/\d+$/.exec(name)?.[0] ?? 0);
}
