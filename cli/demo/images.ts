import { rmSync } from "node:fs";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { buildImage } from "#os-image/oci/build.ts";
import { readImage } from "#os-image/oci/read-recipe.ts";
import { readText } from "../image.ts";
import { hasImage, loadImage, pullImage } from "../image/load-image.ts";

export interface ImageNeeds {
  readonly env: Env;
  readonly dockerHost: string;
  /** For layers, packages and the archive. */
  readonly folder: string;
  readonly say: (text: string) => void;
}

export interface DemoImage {
  readonly tag: string;
  readonly recipe: string;
  /** Registries have an image of this name. */
  readonly published: boolean;
}

const DEBIAN_NAMES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Has the engine the image? Else it is pulled where it is published, else built from its recipe. */
export async function ensureImage(image: DemoImage, needs: ImageNeeds): Promise<Result<void>> {
  const { env, dockerHost, say } = needs;
  if (await hasImage(env, image.tag, dockerHost)) return succeed(undefined);
  if (image.published) {
    say(`pulling ${image.tag}`);
    if (await pullImage(env, image.tag, dockerHost)) return succeed(undefined);
    say(`no registry has ${image.tag} for us: building it from Debian packages`);
  } else say(`building ${image.tag} from Debian packages`);
  const architecture = DEBIAN_NAMES[process.arch] ?? process.arch;
  const recipe = readImage(image.recipe, { read: readText, layerFolders: ["packs/layers"], architecture });
  if (!recipe.ok) return recipe;
  const target = `${needs.folder}/${recipe.value.name}.tar`;
  try {
    const built = await buildImage(recipe.value, {
      exec: env.exec,
      cacheDir: needs.folder,
      target,
      compress: false,
      privileged: process.getuid?.() === 0,
      onProgress: () => undefined,
    });
    if (!built.ok) return fail(built.error.code, built.error.message, built.error.hint);
    return await loadImage(env, target, dockerHost);
  } finally {
    rmSync(target, { force: true });
  }
}
