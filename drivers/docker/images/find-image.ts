import * as v from "valibot";
import type { Engine } from "../engine.ts";

const ImageSchema = v.object({ RepoDigests: v.nullish(v.array(v.string()), () => []) });

/** By what names an image came from a registry, as `name@sha256:…`; none where it was built or loaded here. */
export interface FoundImage {
  readonly status: number;
  /** Undefined: the engine has no such image, or did not say. */
  readonly digests: readonly string[] | undefined;
}

/** `GET /images/{name}/json` of the Engine API. */
export async function findImage(engine: Engine, name: string): Promise<FoundImage> {
  const here = await engine.call({ path: `/images/${name}/json` });
  const found = v.safeParse(ImageSchema, here.value);
  return { status: here.status, digests: here.ok && found.success ? found.output.RepoDigests : undefined };
}
