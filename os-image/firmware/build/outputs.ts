import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { digestOf, IMAGE_TIME_S } from "../../oci/archive.ts";
import { withUsualMask } from "../../oci/usual-mask.ts";
import { addToChannel } from "../node/channel.ts";
import { kindName } from "../node/kind.ts";
import { makeBmap } from "./bmap.ts";
import { writeBundle } from "./bundle.ts";
import { writeIso, writePxe } from "./netboot.ts";
import { writeOciRoot } from "./oci-root.ts";
import { OUTPUTS, type OutputKind, type OutputOptions } from "./output-options.ts";
import { postProcess } from "./post-process.ts";
import { writeSpdx } from "./spdx.ts";
import type { Build } from "../recipe/recipe.ts";
import { imagerEntry } from "./imager-entry.ts";
import { kindOf, packageList } from "./tree.ts";
import { virtualDisk, writeBoxes, writeOva } from "./virtual.ts";

/** Writes `lares-<target>-<version>.*` into the folder, and SHA256SUMS over all that lies there. */
export function writeOutputs(options: OutputOptions): Promise<Result<readonly string[]>> {
  return withUsualMask(() => makeOutputs(options));
}

async function makeOutputs(options: OutputOptions): Promise<Result<readonly string[]>> {
  const { build, built, folder, kinds, onProgress } = options;
  await mkdir(folder, { recursive: true });
  const name = nameOf(build, built.version);
  const made: string[] = [];
  for (const kind of OUTPUTS.filter((each) => kinds.includes(each))) {
    onProgress(kind);
    const written = await WRITERS[kind](name, options);
    if (!written.ok) return written;
    for (const file of written.value) {
      const path = join(folder, file.split("/").at(-1) ?? "");
      await moveInto(file, path);
      const added = await postProcess({ kind, path }, options);
      if (!added.ok) return added;
      made.push(path, ...added.value);
    }
  }
  const older = (await filesOf(folder, name)).filter((file) => !made.includes(join(folder, file)));
  if (older.length > 0) onProgress(`left as they were, of an earlier build of this version: ${older.join(", ")}`);
  await writeSums(folder);
  const signed = await signSums(folder, options);
  return signed.ok ? succeed(made) : signed;
}

function nameOf(build: Build, version: string): string {
  return `${kindName(kindOf(build))}-${version}`;
}

/** Whether the folder has any file of a build of this version. */
export async function hasOutputs(
  build: Build,
  { version, folder }: { version: string; folder: string },
): Promise<boolean> {
  return (await filesOf(folder, nameOf(build, version))).length > 0;
}

async function filesOf(folder: string, name: string): Promise<string[]> {
  // What follows a version that counts on is a digit.
  const isOfIt = (file: string): boolean => file.startsWith(name) && /^[.-][a-z]/.test(file.slice(name.length));
  return existsSync(folder) ? (await readdir(folder)).filter(isOfIt) : [];
}

type Writer = (name: string, options: OutputOptions) => Promise<Result<readonly string[]>>;

const WRITERS: Readonly<Record<OutputKind, Writer>> = {
  raw: writeRaw,
  qcow2: (name, { built }) => only(virtualDisk(built, `${name}.qcow2`, { format: "qcow2" })),
  vmdk: (name, { built }) => only(virtualDisk(built, `${name}.vmdk`, { format: "vmdk" })),
  ova: writeOva,
  vagrant: writeBoxes,
  iso: writeIso,
  pxe: writePxe,
  oci: writeOciRoot,
  bundle: writeBundle,
  spdx: async (name, { built }) => {
    const path = join(built.workshop.work, `${name}.spdx.json`);
    await writeFile(
      path,
      writeSpdx(name, built.packages, new Date(IMAGE_TIME_S * 1000).toISOString().replace(".000", "")),
    );
    return succeed([path]);
  },
  packages: async (name, { built }) => {
    const path = join(built.workshop.work, `${name}.packages.txt`);
    await writeFile(path, packageList(built.packages));
    return succeed([path]);
  },
  imager: writeImager,
  channel: writeChannel,
};

async function only(made: Promise<Result<string>>): Promise<Result<readonly string[]>> {
  const file = await made;
  return file.ok ? succeed([file.value]) : file;
}

async function writeRaw(name: string, { built }: OutputOptions): Promise<Result<readonly string[]>> {
  const { work } = built.workshop;
  // Blocks of one size: the number of threads does not change the bytes.
  const script = `xz -T2 -0 --block-size=24MiB -c /making/disk.img > /making/${name}.img.xz`;
  const packed = await built.workshop.run(["sh", "-ec", script]);
  if (!packed.ok) return packed;
  const bmap = join(work, `${name}.img.bmap`);
  await writeFile(bmap, await makeBmap(built.disk));
  return succeed([join(work, `${name}.img.xz`), bmap]);
}

async function writeImager(name: string, options: OutputOptions): Promise<Result<readonly string[]>> {
  const { folder, built, build, baseUrl } = options;
  const packed = join(folder, `${name}.img.xz`);
  const sizeOf = async (path: string) => ({
    bytes: (await stat(path)).size,
    sha256: (await digestOf(path)).slice("sha256:".length),
  });
  if (!existsSync(packed))
    return fail(
      "os_output",
      `the entry for Raspberry Pi Imager is about ${packed}, which is not there`,
      "build raw, too",
    );
  const entry = imagerEntry({
    version: built.version,
    target: build.target.name,
    url: `${baseUrl}${name}.img.xz`,
    disk: await sizeOf(built.disk),
    packed: await sizeOf(packed),
    released: new Date(IMAGE_TIME_S * 1000).toISOString().slice(0, 10),
  });
  const path = join(built.workshop.work, `${name}.imager.json`);
  await writeFile(path, `${JSON.stringify({ os_list: [entry] }, undefined, 2)}\n`);
  return succeed([path]);
}

/** The channel's file of the folder, with this update in it. */
async function writeChannel(name: string, options: OutputOptions): Promise<Result<readonly string[]>> {
  const { folder, built, build, channel } = options;
  const before = await readFile(join(folder, `${channel}.json`), "utf8").catch(() => undefined);
  const path = join(built.workshop.work, `${channel}.json`);
  await writeFile(
    path,
    addToChannel(before, kindName(kindOf(build)), { version: built.version, bundle: `${name}.raucb` }),
  );
  return succeed([path]);
}

async function moveInto(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async () => {
    await copyFile(from, `${to}.partial`);
    await rename(`${to}.partial`, to);
  });
}

async function writeSums(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith("SHA256SUMS") && !name.endsWith(".partial"));
  const lines: string[] = [];
  for (const name of names.toSorted()) lines.push(`${(await digestOf(join(folder, name))).slice(7)}  ${name}\n`);
  await writeFile(join(folder, "SHA256SUMS"), lines.join(""));
}

/** `SHA256SUMS.sig`, with the key of updates: `openssl dgst -sha256 -verify KEY -signature SHA256SUMS.sig SHA256SUMS`. */
async function signSums(folder: string, { built, signing }: OutputOptions): Promise<Result<void>> {
  const { workshop } = built;
  await copyFile(join(folder, "SHA256SUMS"), join(workshop.work, "sums"));
  await copyFile(signing.key, join(workshop.work, "sums.key"));
  const signed = await workshop.run([
    "openssl",
    "dgst",
    "-sha256",
    "-sign",
    "/making/sums.key",
    "-out",
    "/making/sums.sig",
    "/making/sums",
  ]);
  await rm(join(workshop.work, "sums.key"));
  if (!signed.ok) return signed;
  await copyFile(join(workshop.work, "sums.sig"), join(folder, "SHA256SUMS.sig"));
  await copyFile(signing.certificate, join(folder, "SHA256SUMS.pem"));
  return succeed(undefined);
}
