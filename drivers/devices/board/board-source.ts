import type { Disk } from "#base/env/disk.ts";
import type { Failure } from "#base/env/errors.ts";
import type { DeviceSource } from "../../driver.ts";
import { checkTypes, createClassSource, type DeviceKind } from "../class-source.ts";
import { findBuses, GPIO, I2C, SPI } from "./buses.ts";
import { findUsb, USB_FOLDER } from "./usb.ts";

const KINDS: readonly DeviceKind[] = [
  { type: "usb", folder: USB_FOLDER, find: findUsb },
  ...[I2C, SPI, GPIO].map((bus) => ({
    type: bus.type,
    folder: bus.folder,
    find: (disk: Disk) => findBuses(disk, bus),
  })),
];

export function checkBoardOptions(config: Readonly<Record<string, unknown>>): readonly Failure[] {
  return checkTypes("board", KINDS, config);
}

/** What is wired or plugged in, beside ports, screens, sound and cameras. */
export function createBoardSource(disk: Disk, config: Readonly<Record<string, unknown>>): DeviceSource {
  return createClassSource("board", KINDS, { disk, config });
}
