import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { readEmbeddedText } from "#base/platform/embedded/files.ts";
import type { Result } from "#base/env/errors.ts";
import { buildImage } from "#os-image/oci/build.ts";
import { lintImage } from "#os-image/oci/lint.ts";
import { readImage } from "#os-image/oci/read-recipe.ts";
import type { Image } from "#os-image/oci/recipe.ts";
import { UsageError, type Invocation, type RunCommand } from "./command/command.ts";
import { loadImage } from "./image/load-image.ts";

const DEBIAN_NAMES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Exit code 0 when it was built (and loaded), 1 when not, 2 when the recipe is wrong. */
export const imageBuild: RunCommand = async (invocation) => {
  const { flags, output } = invocation;
  const image = recipeOf(invocation);
  if (!image.ok) return refuse(invocation, image);
  const errors = lintImage(image.value).filter((finding) => finding.severity === "error");
  for (const finding of errors) output.error(`${finding.where} ${finding.message}: ${finding.hint ?? ""}`);
  if (errors.length > 0) return 2;
  const target = resolve(flags.value("output") ?? `${image.value.name}.tar`);
  const env = createEnv({ logLevel: "warn" });
  try {
    const built = await buildImage(image.value, {
      exec: env.exec,
      cacheDir: resolve(flags.value("cache") ?? cacheFolder(invocation)),
      target,
      compress: !flags.on("no-compress"),
      privileged: process.getuid?.() === 0,
      onProgress: (message) => output.error(message),
    });
    if (!built.ok) return refuse(invocation, built);
    if (flags.on("json"))
      output.line(JSON.stringify({ ...built.value, archive: target, tags: image.value.tags }, undefined, 2));
    else output.line(`${image.value.tags.join(" ")}: ${built.value.packages.length} packages in ${target}`);
    return flags.on("load") ? await load(env, target, invocation) : 0;
  } finally {
    env.close();
  }
};

/** Exit code 0 without errors (warnings are printed), 2 with. */
export const imageLint: RunCommand = (invocation) => {
  const { flags, output } = invocation;
  const image = recipeOf(invocation);
  if (!image.ok) return Promise.resolve(refuse(invocation, image));
  const findings = lintImage(image.value);
  if (flags.on("json")) output.line(JSON.stringify(findings, undefined, 2));
  else
    for (const finding of findings)
      output.line(`${finding.severity}: ${finding.where} ${finding.message}: ${finding.hint ?? ""}`);
  return Promise.resolve(findings.some((finding) => finding.severity === "error") ? 2 : 0);
};

function recipeOf({ operands, flags }: Invocation): Result<Image> {
  const [file] = operands;
  if (file === undefined || operands.length !== 1) throw new UsageError("name one image file (NAME.image.hcl)");
  return readImage(resolve(file), {
    read: readText,
    layerFolders: [...flags.values("layers").map((folder) => resolve(folder)), "packs/layers"],
    architecture: flags.value("arch") ?? DEBIAN_NAMES[process.arch] ?? process.arch,
  });
}

/** A file of the machine, or one that travels with this program. */
export function readText(path: string): string | undefined {
  if (!path.startsWith("/")) return readEmbeddedText(path);
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

async function load(env: SystemEnv, archive: string, { environment, output }: Invocation): Promise<number> {
  const loaded = await loadImage(env, archive, environment["DOCKER_HOST"]);
  if (loaded.ok) return 0;
  output.error(`${loaded.error.message}: ${loaded.error.hint ?? ""}`);
  return 1;
}

function refuse({ output }: Invocation, result: Result<unknown> & { ok: false }): number {
  output.error(
    result.error.hint === undefined ? result.error.message : `${result.error.message}\n${result.error.hint}`,
  );
  return result.error.code.startsWith("image_recipe") || result.error.code.startsWith("image_no_") ? 2 : 1;
}

function cacheFolder({ environment }: Invocation): string {
  if (process.getuid?.() === 0) return "/var/cache/lares/images";
  return `${environment["XDG_CACHE_HOME"] ?? `${environment["HOME"] ?? "/tmp"}/.cache`}/lares/images`;
}
