import type { Failure } from "#base/env/errors.ts";
import { checkConfig, readConfig, type ConfigShape } from "../config-shape.ts";

/** `plugin "qemu" { config { … } }` (https://developer.hashicorp.com/nomad/docs/deploy/task-driver/qemu#plugin-options), and `bridges`. */
const SHAPE: ConfigShape = {
  image_paths: { kind: "texts" },
  args_allowlist: { kind: "texts" },
  emulators_allowlist: { kind: "texts" },
  bridges: { kind: "texts" },
};

export interface QemuOptions {
  /** Folders of the node whose images tasks may use, beside their own folders and volumes. */
  readonly imagePaths: readonly string[];
  /** Flags that a task's `args` may hold; `*` allows all. */
  readonly allowedArgs: readonly string[];
  /** `qemu-system-…` programs tasks may use; empty: all there are. */
  readonly allowedEmulators: readonly string[];
  /** Bridges of the node that guests may be plugged into. */
  readonly bridges: readonly string[];
}

/** Flags that reach nothing of the host: no files, devices, sockets or programs can be named with them, nor more memory. */
const HARMLESS_ARGS: readonly string[] =
  "-action -cpu -k -name -no-acpi -no-hpet -no-reboot -no-shutdown -rtc -smp -uuid -vga -watchdog-action".split(" ");

export function checkQemuOptions(config: Readonly<Record<string, unknown>>): readonly Failure[] {
  return checkConfig("qemu plugin", SHAPE, config);
}

export function readQemuOptions(config: Readonly<Record<string, unknown>>): QemuOptions {
  const read = readConfig(config);
  const args = read.texts("args_allowlist");
  return {
    imagePaths: read.texts("image_paths"),
    allowedArgs: args.length === 0 ? HARMLESS_ARGS : args,
    allowedEmulators: read.texts("emulators_allowlist").map(emulatorName),
    bridges: read.texts("bridges"),
  };
}

/** `x86_64` and `qemu-system-x86_64` are one. */
export function emulatorName(text: string): string {
  return text.startsWith("qemu-system-") ? text : `qemu-system-${text}`;
}
