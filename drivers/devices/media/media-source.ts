import type { Disk } from "#base/env/disk.ts";
import type { Failure } from "#base/env/errors.ts";
import type { DeviceSource } from "../../driver.ts";
import { checkTypes, createClassSource, type DeviceKind } from "../class-source.ts";
import { findGraphics } from "./graphics.ts";
import { findSound } from "./sound.ts";
import { findVideo } from "./video.ts";

const KINDS: readonly DeviceKind[] = [
  { type: "gpu", folder: "/sys/class/drm", find: findGraphics },
  { type: "sound", folder: "/sys/class/sound", find: findSound },
  { type: "video", folder: "/sys/class/video4linux", find: findVideo },
];

export function checkMediaOptions(config: Readonly<Record<string, unknown>>): readonly Failure[] {
  return checkTypes("media", KINDS, config);
}

/** What shows, plays and sees. */
export function createMediaSource(disk: Disk, config: Readonly<Record<string, unknown>>): DeviceSource {
  return createClassSource("media", KINDS, { disk, config });
}
