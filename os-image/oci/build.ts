import { lstat, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Exec } from "#base/env/exec.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { writeArchive } from "./archive.ts";
import { aloneInCache } from "./cache-lock.ts";
import { buildLayer, type BuiltLayer } from "./layer.ts";
import type { Image } from "./recipe.ts";
import { inside } from "./tree.ts";
import { withUsualMask } from "./usual-mask.ts";

export interface BuildOptions {
  readonly exec: Exec;
  /** Layers and packages are kept here and shared by all images. */
  readonly cacheDir: string;
  /** The archive to write. */
  readonly target: string;
  /** gzip the layers: smaller to carry, slower to make and to load. Default true. */
  readonly compress: boolean;
  readonly privileged: boolean;
  readonly onProgress: (message: string) => void;
}

export interface BuiltImage {
  readonly digest: string;
  readonly imageId: string;
  readonly packages: readonly { readonly name: string; readonly version: string }[];
  readonly layers: readonly { readonly name: string; readonly diffId: string; readonly fromCache: boolean }[];
}

/** Builds an image and writes it as an OCI layout that `docker load` takes too. In one cache one after the other is built. */
export function buildImage(image: Image, options: BuildOptions): Promise<Result<BuiltImage>> {
  return aloneInCache(options, () => withUsualMask(() => buildAlone(image, options)));
}

async function buildAlone(image: Image, options: BuildOptions): Promise<Result<BuiltImage>> {
  const needsRoot = image.layers.find((layer) => layer.run.length + layer.provisioners.length > 0);
  if (needsRoot !== undefined && !options.privileged)
    return fail(
      "image_root",
      `layer ${needsRoot.name} runs commands, which only root can`,
      "build as root, or take out its run lines and provisioners",
    );
  const below: BuiltLayer[] = [];
  for (const layer of image.layers) {
    const built = await buildLayer(layer, { ...options, architecture: image.architecture, below });
    if (!built.ok)
      return fail(
        built.error.code,
        `image ${image.name}, layer ${layer.name}: ${built.error.message}`,
        built.error.hint,
      );
    options.onProgress(`layer ${layer.name} ${built.value.fromCache ? "from the cache" : "built"}`);
    below.unshift(built.value);
  }
  const [program] = [...image.config.entrypoint, ...image.config.cmd];
  if (program?.startsWith("/") === true && !(await isInside(program, below)))
    return fail(
      "image_no_program",
      `image ${image.name} starts ${program}, which none of its layers holds`,
      "correct entrypoint or cmd",
    );
  const layers = below.toReversed();
  const work = await mkdtemp(join(options.cacheDir, "archive-"));
  try {
    const written = await writeArchive(
      image,
      layers.map((layer) => layer.blob),
      { exec: options.exec, work, target: options.target, compress: options.compress },
    );
    if (!written.ok) return written;
    return succeed({
      ...written.value,
      packages: below[0]?.packages.map(({ name, version }) => ({ name, version })) ?? [],
      layers: layers.map((layer) => ({ name: layer.blob.name, diffId: layer.blob.diffId, fromCache: layer.fromCache })),
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function isInside(path: string, layers: readonly BuiltLayer[]): Promise<boolean> {
  for (const layer of layers) {
    const found = await lstat(inside(layer.tree, path)).catch(() => undefined);
    if (found !== undefined) return true;
  }
  return false;
}
