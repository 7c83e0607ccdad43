import { extname, join } from "node:path/posix";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { readConfig, type ConfigReader } from "../config-shape.ts";
import { hostnameOf, type Workshop } from "./workshop.ts";
import type { GuestNetwork } from "./guest-network.ts";
import { hostFile } from "./host-file.ts";
import { bootProblem, foreignFile, imageInfo, isIso, makeImage, makeOverlay } from "./images.ts";
import type { GuestDisk } from "./machine.ts";
import { RUN_FILES } from "./run-folder.ts";
import { seedImage } from "./seed.ts";

interface Surroundings {
  readonly architecture: string;
  readonly network: GuestNetwork;
  readonly hasKernel: boolean;
}

/** A disk, and the snapshots that a former stop left in it. */
interface Collected {
  readonly disk: GuestDisk;
  readonly snapshots: readonly string[];
}

/** The boot image over an overlay, the disks, and the seed; what is missing is made. */
export async function collectDisks(
  shop: Workshop,
  around: Surroundings,
): Promise<Result<{ readonly disks: readonly GuestDisk[]; readonly snapshots: readonly string[] }>> {
  const { config, task, env } = shop;
  await env.disk.makeDir(ownFolder(shop));
  const all: Collected[] = [];
  if (config.text("image_path") !== "") {
    const root = await rootDisk(shop, around);
    if (!root.ok) return root;
    all.push(root.value);
  }
  for (const [index, block] of config.blocks("disk").map(readConfig).entries()) {
    const made = await furtherDisk(shop, block, { index, standard: driveInterface(config) });
    if (!made.ok) return fail(made.error.code, `disk ${index + 1}: ${made.error.message}`, made.error.hint);
    all.push(made.value);
  }
  const [block] = config.blocks("cloud_init").map(readConfig);
  if (block !== undefined) {
    const address = around.network.kind === "alloc" ? around.network.address : undefined;
    const wish = { block, hostname: hostnameOf(task), address, imagePaths: shop.options.imagePaths };
    const seed = await seedImage(env, task, wish);
    if (!seed.ok) return seed;
    const path = join(shop.folder, RUN_FILES.seed);
    await env.disk.replace(path, seed.value, { mode: 0o600, durable: false });
    // An unlikely board for it is no reason to go without.
    const kind = ["virtio", "ide", "scsi", "nvme"].includes(driveInterface(config)) ? driveInterface(config) : "virtio";
    all.push({
      snapshots: [],
      disk: { path, format: "raw", interface: kind, isReadOnly: true, isCdrom: true, serial: "cidata" },
    });
  }
  return succeed({ disks: all.map(({ disk }) => disk), snapshots: all.flatMap(({ snapshots }) => snapshots) });
}

/** Moves along with the task's folder where the ephemeral disk is sticky. */
function ownFolder({ task }: Workshop): string {
  return join(task.paths.localDir, ".qemu");
}

function driveInterface(config: ConfigReader): string {
  return config.text("drive_interface") || "virtio";
}

/** The image is never written: the guest gets a disk of its own over it. */
async function rootDisk(shop: Workshop, around: Surroundings): Promise<Result<Collected>> {
  const { env, config, task, options } = shop;
  const found = await hostFile(env, task, { path: config.text("image_path"), imagePaths: options.imagePaths });
  if (!found.ok) return found;
  const { path } = found.value;
  const info = await sourceInfo(shop, path, config.text("image_format"));
  if (!info.ok) return info;
  const { format } = info.value;
  const common = { interface: driveInterface(config), serial: "" };
  if (format === "raw" && !around.hasKernel) {
    const problem = await bootProblem(env, path);
    if (problem !== undefined)
      return fail(
        "BAD_IMAGE",
        `${config.text("image_path")} is no disk image: ${problem}`,
        "expected qcow2, vmdk, vdi, vhdx, vpc, or raw with a boot sector; unpack it if it is compressed",
      );
  }
  if (format === "raw" && (await isIso(env, path)))
    return succeed({ snapshots: [], disk: { ...common, path, format, isReadOnly: true, isCdrom: true } });
  const overlay = join(ownFolder(shop), "root.qcow2");
  const made = await makeOverlay(env, { source: path, format, overlay, size: config.text("image_size") });
  if (!made.ok) return made;
  if (made.value.isAnew) task.onEvent("The image has changed: the guest's disk begins anew", { image: path });
  const disk = { ...common, path: overlay, format: "qcow2", isReadOnly: false, isCdrom: false };
  return succeed({ snapshots: await snapshotsIn(shop, overlay), disk });
}

async function sourceInfo({ env }: Workshop, path: string, asked: string) {
  const info = await imageInfo(env, path, asked);
  if (!info.ok) return info;
  const foreign = foreignFile(info.value);
  if (foreign === undefined) return info;
  return fail(
    "BAD_IMAGE",
    `${path} refers to another file (${foreign}), which a guest may not read`,
    "flatten it: qemu-img convert -O qcow2 OLD NEW",
  );
}

async function snapshotsIn({ env }: Workshop, path: string): Promise<readonly string[]> {
  const info = await imageInfo(env, path, "qcow2");
  return info.ok ? info.value.snapshots.map(({ name }) => name) : [];
}

/**
 * A disk beside the first. Without `source` it is the guest's own; with one it is written as it is, unless it lies where
 * the guest may not write or an overlay is asked for.
 */
async function furtherDisk(
  shop: Workshop,
  block: ConfigReader,
  { index, standard }: { readonly index: number; readonly standard: string },
): Promise<Result<Collected>> {
  const { env, task, options } = shop;
  const source = block.text("source");
  const size = block.text("size");
  const common = { interface: block.text("interface") || standard, serial: block.text("serial") };
  const isCdrom = block.flag("cdrom", false);
  const own = join(ownFolder(shop), `disk${index + 1}.qcow2`);
  if (source === "") return ownDisk(shop, { path: own, size, common });
  const found = await hostFile(env, task, {
    path: source,
    imagePaths: options.imagePaths,
    kind: size === "" ? "file" : "new",
  });
  if (!found.ok) return found;
  const { path, isWritable } = found.value;
  const isNew = (await env.disk.stat(path)) === undefined;
  const isReadOnly = block.flag("read_only", false) || isCdrom;
  if (isNew) {
    if (!isWritable) return fail("NO_SUCH_IMAGE", `there is no ${source}, and nothing may be made there`);
    const format = formatOf(block, path);
    const made = await makeImage(env, path, { format, size });
    return made.ok ? succeed({ snapshots: [], disk: { ...common, path, format, isReadOnly, isCdrom } }) : made;
  }
  if (!isReadOnly && (!isWritable || block.flag("overlay", false))) {
    const info = await sourceInfo(shop, path, block.text("format"));
    if (!info.ok) return info;
    const made = await makeOverlay(env, { source: path, format: info.value.format, overlay: own, size });
    if (!made.ok) return made;
    const disk = { ...common, path: own, format: "qcow2", isReadOnly: false, isCdrom: false };
    return succeed({ snapshots: await snapshotsIn(shop, own), disk });
  }
  // What a guest wrote is never asked for its own format.
  const format = formatOf(block, path);
  const info = await sourceInfo(shop, path, format);
  if (!info.ok) return info;
  const snapshots = info.value.snapshots.map(({ name }) => name);
  return succeed({ snapshots, disk: { ...common, path, format, isReadOnly, isCdrom } });
}

async function ownDisk(
  { env }: Workshop,
  {
    path,
    size,
    common,
  }: { readonly path: string; readonly size: string; readonly common: Pick<GuestDisk, "interface" | "serial"> },
): Promise<Result<Collected>> {
  if ((await env.disk.stat(path)) === undefined) {
    const made = await makeImage(env, path, { format: "qcow2", size });
    if (!made.ok) return made;
  }
  return succeed({ snapshots: [], disk: { ...common, path, format: "qcow2", isReadOnly: false, isCdrom: false } });
}

const BY_ENDING: Readonly<Record<string, string>> = {
  ".qcow2": "qcow2",
  ".vmdk": "vmdk",
  ".vdi": "vdi",
  ".vhdx": "vhdx",
};

function formatOf(block: ConfigReader, path: string): string {
  return block.text("format") || (BY_ENDING[extname(path)] ?? "raw");
}
