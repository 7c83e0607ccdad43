import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Exec } from "#base/env/exec.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import { IMAGE_TIME_S } from "../../oci/archive.ts";
import { aloneInCache } from "../../oci/cache-lock.ts";
import { buildLayer, layerTree } from "../../oci/layer.ts";
import { fetchLocked, lockChanges, writeLock } from "../../oci/locked-packages.ts";
import { fetchPackages, resolvePackages, type AptSources, type PackageFile } from "../../oci/packages.ts";
import type { Layer } from "../../oci/recipe.ts";
import { layOut } from "../../oci/tree.ts";
import type { Build, System } from "../recipe/recipe.ts";
import { CORE_SECTOR, writeDisk } from "./disk.ts";
import { fatImage } from "./fat.ts";
import { layOutFlashed } from "./flashed.ts";
import { BOOT_PACKAGES, layOutBootPartition, makeBiosGrub } from "./grub.ts";
import { packSlot } from "./slot.ts";
import { compatible, layOutSystem, mergedLayer } from "./tree.ts";
import { layOutPiPartition } from "./u-boot.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";

export interface ToolsOptions {
  readonly exec: Exec;
  readonly cacheDir: string;
}

export interface BuildOptions extends ToolsOptions {
  readonly workshop: Workshop;
  readonly version: string;
  readonly executable: string;
  /** PEM: who may sign updates. */
  readonly keyring: string;
  /** Takes the newest packages and writes them to the lock. */
  readonly updateLock: boolean;
  /** zstd's, 1 to 22. */
  readonly compression: number;
  readonly onProgress: (message: string) => void;
}

export interface Built {
  readonly workshop: Workshop;
  readonly packages: readonly PackageFile[];
  /** Files in the work folder. */
  readonly disk: string;
  readonly root: string;
  readonly kernel: string;
}

/** Makes the tools ready, in the same release as what they build. */
export async function openTools(build: Build, { exec, cacheDir }: ToolsOptions): Promise<Result<Workshop>> {
  const tools = await toolsTree(build, { exec, cacheDir });
  if (!tools.ok) return tools;
  const work = workFolder(build, cacheDir);
  await rm(work, { recursive: true, force: true });
  return succeed(await openWorkshop({ exec, tools: tools.value, work, epoch: IMAGE_TIME_S }));
}

/** Does its work, from the tools to the files to flash, while no other program builds the same target and flavour in this cache. */
export function aloneInWork<T>(
  build: Build,
  { exec, cacheDir }: ToolsOptions,
  work: () => Promise<Result<T>>,
): Promise<Result<T>> {
  return aloneInCache({ exec, cacheDir: `${workFolder(build, cacheDir)}.lock` }, work);
}

function workFolder({ target, flavour }: Build, cacheDir: string): string {
  return join(cacheDir, "work", `${target.name}-${flavour}`);
}

/** The folder with the tools, made when it is not there. */
export async function toolsTree(build: Build, { exec, cacheDir }: ToolsOptions): Promise<Result<string>> {
  const architecture = (await exec.run(["dpkg", "--print-architecture"])).stdout.trim();
  const settings = { exec, cacheDir, architecture, privileged: true, below: [], sources: commonSources(build) };
  const tools = await aloneInCache({ exec, cacheDir }, () => buildLayer(build.tools, settings));
  return tools.ok ? succeed(tools.value.tree) : tools;
}

/** Makes the slot's two file systems and the disk around them. The same inputs give the same bytes. */
export async function buildSystem(build: Build, options: BuildOptions): Promise<Result<Built>> {
  // Modes of what is made here are in the image: those of the builder's own files are not its business.
  const before = process.umask(0o022);
  try {
    return await makeSystem(build, options);
  } finally {
    process.umask(before);
  }
}

async function makeSystem(build: Build, options: BuildOptions): Promise<Result<Built>> {
  const { workshop, onProgress } = options;
  onProgress("packages");
  const packages = await aloneInCache(options, () => packagesOf(build, options));
  if (!packages.ok) return packages;
  const { work } = workshop;
  onProgress("the tree");
  const root = join(work, "tree");
  const inSlot = packages.value.filter(({ name }) => !build.target.bootPackages.includes(name));
  const provisionerTree = (layer: Layer, architecture: string) =>
    aloneInCache(options, () =>
      layerTree(layer, { ...options, architecture, privileged: true, sources: commonSources(build) }),
    );
  const laid = await layOutSystem(build, { ...options, root, packages: inSlot, provisionerTree });
  if (!laid.ok) return laid;
  const apart = await layOutBootPackages(build, options, packages.value);
  if (!apart.ok) return apart;
  const packed = await packSlot(workshop, build, options);
  if (!packed.ok) return packed;
  onProgress("the disk");
  const disk = await makeDisk(workshop, build, options);
  if (!disk.ok) return disk;
  return succeed({
    workshop,
    packages: packages.value,
    disk: disk.value,
    root: join(work, "root.img"),
    kernel: join(work, "kernel.img"),
  });
}

/**
 * Whether the mirrors have by now other packages than the lock names.
 * @returns a line for each that came, went or has another version; none: a build would bring nothing new
 */
export async function changedPackages(build: Build, options: ToolsOptions): Promise<Result<readonly string[]>> {
  const settings = { ...packageSettings(build, options), refresh: true, packages: wantedPackages(build) };
  const newest = await aloneInCache(options, () => resolvePackages(settings));
  if (!newest.ok) return newest;
  const lock = await readFile(lockPath(build), "utf8").catch(() => "");
  return succeed(lockChanges(lock, writeLock(newest.value)));
}

function packageSettings(build: Build, { exec, cacheDir }: ToolsOptions) {
  const { architecture } = build.target;
  return { exec, cacheDir, architecture, without: mergedLayer(build).without, present: [], sources: sourcesOf(build) };
}

function wantedPackages(build: Build): readonly string[] {
  return [...mergedLayer(build).packages, ...build.target.bootPackages];
}

async function packagesOf(build: Build, options: BuildOptions): Promise<Result<readonly PackageFile[]>> {
  const settings = packageSettings(build, options);
  const path = lockPath(build);
  if (existsSync(path) && !options.updateLock) return fetchLocked(await readFile(path, "utf8"), settings);
  const fetched = await fetchPackages({ ...settings, refresh: options.updateLock, packages: wantedPackages(build) });
  if (!fetched.ok) return fetched;
  const sorted = fetched.value.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  await writeFile(`${path}.new`, writeLock(sorted));
  await rename(`${path}.new`, path);
  return succeed(sorted);
}

/** Beside the system's file: which packages, by hash. */
export function lockPath({ folder, system, target, flavour }: Build): string {
  return join(folder, "locks", `${system.name}-${target.name}-${flavour}.lock`);
}

/** Those of the tools: the same for every target, so that they are made once. */
function commonSources({ system }: Build): AptSources {
  const common = system.sources.filter(({ targets }) => targets.length === 0);
  return { name: `${system.name}-${system.sources[0]?.suites[0] ?? ""}`, text: aptText(common) };
}

function sourcesOf(build: Build): AptSources {
  const { sources } = build.system;
  const own = sources.filter(({ targets }) => targets.includes(build.target.name));
  const common = commonSources(build);
  if (own.length === 0) return common;
  return { name: `${common.name}-${build.target.name}`, text: `${common.text}\n${aptText(own)}` };
}

function aptText(sources: System["sources"]): string {
  return sources
    .map((source) =>
      [
        "Types: deb",
        `URIs: ${source.uri}`,
        `Suites: ${source.suites.join(" ")}`,
        `Components: ${source.components.join(" ")}`,
        `Signed-By: ${source.keyring}`,
        "",
      ].join("\n"),
    )
    .join("\n");
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

async function makeDisk(workshop: Workshop, build: Build, options: BuildOptions): Promise<Result<string>> {
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
    version: options.version,
  });
  const made = await fatImage(workshop, {
    folder: "esp",
    image: "esp.img",
    mebibytes: build.disk.boot,
    name: "LARES-BOOT",
    id: "4c415245",
  });
  if (!made.ok) return made;
  const seed = `${compatible(build)}/${options.version}`;
  return writeDisk({ work: workshop.work, build, grub: grub.value, seed });
}
