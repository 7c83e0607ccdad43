import { fail, type Failure } from "#base/env/errors.ts";
import { checkConfig, readConfig, type ConfigReader, type ConfigShape } from "../config-shape.ts";
import { emulatorName, type QemuOptions } from "./plugin-options.ts";

/** Nomad's options (https://developer.hashicorp.com/nomad/docs/job-declare/task-driver/qemu), and what they leave out. */
const SHAPE: ConfigShape = {
  image_path: { kind: "text" },
  image_format: { kind: "text" },
  image_size: { kind: "text" },
  drive_interface: { kind: "text" },
  emulator: { kind: "text" },
  machine_type: { kind: "text" },
  accelerator: { kind: "text" },
  cpu_model: { kind: "text" },
  cpus: { kind: "number" },
  firmware: { kind: "text" },
  kernel: { kind: "text" },
  initrd: { kind: "text" },
  append: { kind: "text" },
  disk: { kind: "blocks" },
  cloud_init: { kind: "blocks" },
  graceful_shutdown: { kind: "flag" },
  guest_agent: { kind: "flag" },
  snapshot_on_stop: { kind: "flag" },
  network: { kind: "text" },
  bridge: { kind: "text" },
  ports: { kind: "texts" },
  port_map: { kind: "map" },
  vnc: { kind: "blocks" },
  args: { kind: "texts" },
};
const DISK_SHAPE: ConfigShape = {
  source: { kind: "text" },
  size: { kind: "text" },
  format: { kind: "text" },
  interface: { kind: "text" },
  overlay: { kind: "flag" },
  read_only: { kind: "flag" },
  cdrom: { kind: "flag" },
  serial: { kind: "text" },
};
const SEED_SHAPE: ConfigShape = {
  user_data: { kind: "text" },
  user_data_file: { kind: "text" },
  meta_data: { kind: "text" },
  network_config: { kind: "text" },
  vendor_data: { kind: "text" },
};
const VNC_SHAPE: ConfigShape = { port: { kind: "text", required: true }, password: { kind: "text" } };

const FORMATS = ["raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "parallels"] as const;
export const INTERFACES = ["virtio", "ide", "scsi", "nvme", "sd", "mtd", "floppy", "pflash", "none"] as const;
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  image_format: FORMATS,
  drive_interface: INTERFACES,
  accelerator: ["auto", "kvm", "tcg"],
  firmware: ["bios", "uefi"],
  network: ["user", "tap", "none"],
};
/** As qemu-img takes sizes: bytes, or a number with its unit. */
const SIZE = /^\d+(?:\.\d+)?[KMGT]?$/i;
const SERIAL = /^[\w.-]{1,20}$/;

/** What is wrong with a task's config on this node, guards included. */
export function checkTaskConfig(config: Readonly<Record<string, unknown>>, options: QemuOptions): readonly Failure[] {
  const shapes = [
    ...checkConfig("qemu", SHAPE, config),
    ...inner("disk", DISK_SHAPE, config),
    ...inner("cloud_init", SEED_SHAPE, config),
    ...inner("vnc", VNC_SHAPE, config),
  ];
  if (shapes.length > 0) return shapes;
  const read = readConfig(config);
  return [
    ...(read.text("image_path") === "" && read.text("kernel") === "" && read.blocks("disk").length === 0
      ? [fail("MISSING_KEY", "qemu config needs image_path", "or kernel, to boot one without a disk").error]
      : []),
    ...choices(CHOICES, read, ""),
    ...read.blocks("disk").flatMap((block) => checkDisk(readConfig(block))),
    ...text(read, "image_size", { must: SIZE, where: "image_size" }),
    ...together(read),
    ...guardArgs(read, options),
    ...guardBridge(read, options),
    ...guardEmulator(read, options),
  ];
}

function inner(key: string, shape: ConfigShape, config: Readonly<Record<string, unknown>>): readonly Failure[] {
  return readConfig(config)
    .blocks(key)
    .flatMap((block) => checkConfig(`qemu ${key}`, shape, block));
}

function checkDisk(disk: ConfigReader): readonly Failure[] {
  return [
    ...choices({ format: FORMATS, interface: INTERFACES }, disk, "disk."),
    ...text(disk, "size", { must: SIZE, where: "disk.size" }),
    ...text(disk, "serial", { must: SERIAL, where: "disk.serial" }),
    ...(disk.text("source") === "" && disk.text("size") === ""
      ? [fail("MISSING_KEY", "qemu config: a disk needs source, size, or both").error]
      : []),
  ];
}

/** Options that only make sense with others. */
function together(read: ConfigReader): readonly Failure[] {
  const failures: Failure[] = [];
  const needs = (key: string, other: string): void => {
    if (read.text(key) !== "" && read.text(other) === "")
      failures.push(fail("MISSING_KEY", `qemu config: ${key} needs ${other}`).error);
  };
  needs("initrd", "kernel");
  needs("append", "kernel");
  needs("image_size", "image_path");
  const cpus = read.number("cpus");
  if (cpus !== undefined && (!Number.isInteger(cpus) || cpus < 1 || cpus > 255))
    failures.push(fail("BAD_VALUE", `qemu config: cpus must be a number from 1 to 255, got ${cpus}`).error);
  for (const [label, port] of Object.entries(read.map("port_map"))) {
    if (!port.includes("${") && !isPort(port))
      failures.push(fail("BAD_VALUE", `qemu config: port_map ${label} must be a port, got ${port}`).error);
  }
  return failures;
}

function isPort(text: string): boolean {
  const port = Number(text);
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

function choices(
  rows: Readonly<Record<string, readonly string[]>>,
  read: ConfigReader,
  prefix: string,
): readonly Failure[] {
  return Object.entries(rows).flatMap(([key, known]) => {
    const value = read.text(key);
    if (value === "" || value.includes("${") || known.includes(value)) return [];
    const expected = `qemu config: ${prefix}${key} must be one of ${known.join(", ")}`;
    return [fail("BAD_VALUE", `${expected}; got ${JSON.stringify(value)}`).error];
  });
}

function text(
  read: ConfigReader,
  key: string,
  { must, where }: { readonly must: RegExp; readonly where: string },
): readonly Failure[] {
  const value = read.text(key);
  if (value === "" || value.includes("${") || must.test(value)) return [];
  const examples = must === SIZE ? ' such as "10G"' : `: ${must.source}`;
  return [fail("BAD_VALUE", `qemu config: ${where} must be a text${examples}, got ${JSON.stringify(value)}`).error];
}

function guardArgs(read: ConfigReader, { allowedArgs }: QemuOptions): readonly Failure[] {
  const allowed = new Set(allowedArgs.map(oneDash));
  if (allowed.has("*")) return [];
  const refused = read.texts("args").filter((arg) => arg.startsWith("-") && !allowed.has(oneDash(arg)));
  if (refused.length === 0) return [];
  const hint = `allowed: ${allowedArgs.join(" ")} (args_allowlist in plugin "qemu"; "*" allows all)`;
  return [fail("FORBIDDEN", `args asks for what this node does not allow: ${refused.join(" ")}`, hint).error];
}

/** QEMU takes both. */
function oneDash(flag: string): string {
  return flag.replace(/^--/, "-");
}

function guardBridge(read: ConfigReader, { bridges }: QemuOptions): readonly Failure[] {
  const bridge = read.text("bridge");
  if (bridge === "" || bridge.includes("${") || bridges.includes(bridge)) return [];
  const list = bridges.length === 0 ? "none" : bridges.join(", ");
  const hint = `allowed: ${list} (bridges in plugin "qemu")`;
  return [fail("FORBIDDEN", `this node lets no guest into the bridge ${JSON.stringify(bridge)}`, hint).error];
}

function guardEmulator(read: ConfigReader, { allowedEmulators }: QemuOptions): readonly Failure[] {
  const emulator = read.text("emulator");
  if (emulator === "" || emulator.includes("${")) return [];
  const name = emulatorName(emulator);
  if (!/^qemu-system-[a-z0-9_]+$/.test(name))
    return [fail("BAD_VALUE", `qemu config: emulator must be an architecture such as x86_64, got ${emulator}`).error];
  if (allowedEmulators.length === 0 || allowedEmulators.includes(name)) return [];
  const hint = `allowed: ${allowedEmulators.join(", ")} (emulators_allowlist in plugin "qemu")`;
  return [fail("FORBIDDEN", `this node does not allow the emulator ${name}`, hint).error];
}
