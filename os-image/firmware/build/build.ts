import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { succeed, type Result } from "#base/env/errors.ts";
import { IMAGE_TIME_S } from "../../oci/archive.ts";
import { aloneInCache } from "../../oci/cache-lock.ts";
import { buildLayer, layerTree } from "../../oci/layer.ts";
import type { PackageFile } from "../../oci/packages.ts";
import type { Layer } from "../../oci/recipe.ts";
import { layOut } from "../../oci/tree.ts";
import { withUsualMask } from "../../oci/usual-mask.ts";
import type { Build } from "../recipe/recipe.ts";
import { CORE_SECTOR, writeDisk } from "./disk.ts";
import { fatImage } from "./fat.ts";
import { layOutFlashed } from "./flashed.ts";
import { BOOT_PACKAGES, layOutBootPartition, makeBiosGrub } from "./grub.ts";
import { commonSources, takePackages, type CacheOptions, type Taken, type TakeOptions } from "./lock.ts";
import { packSlot } from "./slot.ts";
import { compatible, layOutSystem } from "./tree.ts";
import { layOutPiPartition } from "./u-boot.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";

export interface BuildOptions extends TakeOptions {
  readonly workshop: Workshop;
  readonly executable: string;
  /** PEM: who may sign updates. */
  readonly keyring: string;
  /** zstd's, 1 to 22. */
  readonly compression: number;
  readonly onProgress: (message: string) => void;
}

export interface Built extends Taken {
  readonly workshop: Workshop;
  /** Files in the work folder. */
  readonly disk: string;
  readonly root: string;
  readonly kernel: string;
}

/** Makes the tools ready, in the same release as what they build. */
export async function openTools(build: Build, { exec, cacheDir }: CacheOptions): Promise<Result<Workshop>> {
  const tools = await toolsTree(build, { exec, cacheDir });
  if (!tools.ok) return tools;
  const work = workFolder(build, cacheDir);
  await rm(work, { recursive: true, force: true });
  return succeed(await openWorkshop({ exec, tools: tools.value, work, epoch: IMAGE_TIME_S }));
}

/** Does its work, from the tools to the files to flash, while no other program builds the same target and flavour in this cache. */
export function aloneInWork<T>(
  build: Build,
  { exec, cacheDir }: CacheOptions,
  work: () => Promise<Result<T>>,
): Promise<Result<T>> {
  return aloneInCache({ exec, cacheDir: `${workFolder(build, cacheDir)}.lock` }, work);
}

function workFolder({ target, flavour }: Build, cacheDir: string): string {
  return join(cacheDir, "work", `${target.name}-${flavour}`);
}

/** The folder with the tools, made when it is not there. */
export async function toolsTree(build: Build, { exec, cacheDir }: CacheOptions): Promise<Result<string>> {
  const architecture = (await exec.run(["dpkg", "--print-architecture"])).stdout.trim();
  const settings = { exec, cacheDir, architecture, privileged: true, below: [], sources: commonSources(build) };
  const tools = await aloneInCache({ exec, cacheDir }, () => withUsualMask(() => buildLayer(build.tools, settings)));
  return tools.ok ? succeed(tools.value.tree) : tools;
}

/** Makes the slot's two file systems and the disk around them. The same inputs give the same bytes. */
export function buildSystem(build: Build, options: BuildOptions): Promise<Result<Built>> {
  return withUsualMask(() => makeSystem(build, options));
}

async function makeSystem(build: Build, options: BuildOptions): Promise<Result<Built>> {
  const { workshop, onProgress } = options;
  onProgress("packages");
  const taken = await takePackages(build, options);
  if (!taken.ok) return taken;
  const { packages, version } = taken.value;
  const { work } = workshop;
  onProgress("the tree");
  const root = join(work, "tree");
  const inSlot = packages.filter(({ name }) => !build.target.bootPackages.includes(name));
  const provisionerTree = (layer: Layer, architecture: string) =>
    aloneInCache(options, () =>
      layerTree(layer, { ...options, architecture, privileged: true, sources: commonSources(build) }),
    );
  const laid = await layOutSystem(build, { ...options, root, packages: inSlot, version, provisionerTree });
  if (!laid.ok) return laid;
  const apart = await layOutBootPackages(build, options, packages);
  if (!apart.ok) return apart;
  const packed = await packSlot(workshop, build, options);
  if (!packed.ok) return packed;
  onProgress("the disk");
  const disk = await makeDisk(workshop, build, version);
  if (!disk.ok) return disk;
  return succeed({
    ...taken.value,
    workshop,
    disk: disk.value,
    root: join(work, "root.img"),
    kernel: join(work, "kernel.img"),
  });
}

/** What the boot partition is made of, apart from the slot. */
async function layOutBootPackages(
  build: Build,
  options: BuildOptions,
  packages: readonly PackageFile[],
): Promise<Result<void>> {
  const root = join(options.workshop.work, BOOT_PACKAGES);
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  const accounts = { passwd: "", group: "" };
  const laid = await layOut(EMPTY_LAYER, {
    exec: options.exec,
    root,
    packages: bootPackagesOf(build, packages),
    accounts,
    privileged: true,
  });
  return laid.ok ? succeed(undefined) : laid;
}

const EMPTY_LAYER: Layer = {
  name: "boot",
  packages: [],
  without: [],
  directories: [],
  files: [],
  links: [],
  users: [],
  run: [],
  provisioners: [],
  remove: [],
};

function bootPackagesOf({ target }: Build, packages: readonly PackageFile[]): readonly PackageFile[] {
  return packages.filter(({ name }) => target.bootPackages.includes(name));
}

async function makeDisk(workshop: Workshop, build: Build, version: string): Promise<Result<string>> {
  const grub = build.target.architecture === "amd64" ? await makeBiosGrub(workshop, CORE_SECTOR) : succeed(undefined);
  if (!grub.ok) return grub;
  const file = build.target.bootloader === "grub" ? "grub.cfg" : "boot.cmd";
  const config = await readFile(join(build.folder, "files", file), "utf8");
  const layOutPartition = build.target.bootloader === "grub" ? layOutBootPartition : layOutPiPartition;
  const laid = await layOutPartition(workshop, build, config);
  if (!laid.ok) return laid;
  await layOutFlashed({
    images: workshop.work,
    boot: join(workshop.work, "esp"),
    compatible: compatible(build),
    version,
  });
  const made = await fatImage(workshop, {
    folder: "esp",
    image: "esp.img",
    mebibytes: build.disk.boot,
    name: "LARES-BOOT",
    id: "4c415245",
  });
  if (!made.ok) return made;
  const seed = `${compatible(build)}/${version}`;
  return writeDisk({ work: workshop.work, build, grub: grub.value, seed });
}
