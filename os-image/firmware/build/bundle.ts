import { copyFile, link, mkdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { succeed, type Result } from "#base/env/errors.ts";
import type { Build } from "../recipe/recipe.ts";
import type { OutputOptions, SigningKey } from "./output-options.ts";
import { compatible } from "./tree.ts";
import type { Workshop } from "./workshop.ts";

/** Blocks that the machine has in either slot are not loaded (https://rauc.readthedocs.io/en/latest/advanced.html#block-based-adaptive-update). */
export const ADAPTIVE = "adaptive=block-hash-index";
/** What is in it is packed already. */
export const STORED = "--mksquashfs-args=-noI -noD -noF -noX";

/** An update: https://rauc.readthedocs.io/en/latest/reference.html#manifest, format verity, signed. */
export async function writeBundle(name: string, options: OutputOptions): Promise<Result<readonly string[]>> {
  const { build, built, signing } = options;
  const { version, workshop } = built;
  const { work } = workshop;
  const folder = join(work, "bundle");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  await link(built.root, join(folder, "root.img"));
  await link(built.kernel, join(folder, "kernel.img"));
  await writeFile(join(folder, "manifest.raucm"), manifestOf(build, version));
  await copyFile(signing.key, join(work, "signing.key"));
  await copyFile(signing.certificate, join(work, "signing.pem"));
  const file = `${name}.raucb`;
  await rm(join(work, file), { force: true });
  const made = await workshop.run([
    "rauc",
    "bundle",
    STORED,
    "--cert=/making/signing.pem",
    "--key=/making/signing.key",
    "/making/bundle",
    `/making/${file}`,
  ]);
  await rm(join(work, "signing.key"));
  return made.ok ? succeed([join(work, file)]) : made;
}

/** What RAUC is told of it; the flavour is for `../node/kind.ts`. */
export function manifestOf(build: Build, version: string): string {
  return [
    "[update]",
    `compatible=${compatible(build)}`,
    `version=${version}`,
    `description=Lares ${version}, ${build.flavour}`,
    "[bundle]",
    "format=verity",
    "[meta.lares]",
    `flavour=${build.flavour}`,
    "[image.rootfs]",
    "filename=root.img",
    ADAPTIVE,
    "[image.kernel]",
    "filename=kernel.img",
    ADAPTIVE,
    "",
  ].join("\n");
}

/** A key of this builder's own, made once, for those who bring none. Good for tests and for one's own machines. */
export async function ownSigningKey(folder: string, workshop: Workshop): Promise<Result<SigningKey>> {
  const { work } = workshop;
  const found = { key: join(folder, "signing.key"), certificate: join(folder, "signing.pem") };
  if (existsSync(found.key) && existsSync(found.certificate)) return succeed(found);
  await mkdir(folder, { recursive: true });
  const made = await workshop.run([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "7300",
    "-subj",
    "/CN=Lares updates",
    "-keyout",
    "/making/made.key",
    "-out",
    "/making/made.pem",
  ]);
  if (!made.ok) return made;
  await copyFile(join(work, "made.key"), found.key);
  await copyFile(join(work, "made.pem"), found.certificate);
  await rm(join(work, "made.key"));
  return succeed(found);
}
